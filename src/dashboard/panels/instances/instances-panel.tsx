/** @module Instances: the blocks of each, its latencies, its steps, what its prefix cache is worth, and every sequence. */

import type {
  InstanceSnapshot,
  LatencyName,
  LatencyWindow,
  Percentiles,
} from "../../../api/admin/observatory/index.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import { type Page, usePage, useStore } from "../../page/page-state.ts";
import { stateName } from "../../page/state-name.ts";
import { Table } from "../../page/table-twin.tsx";
import { connection } from "../../state/connection.ts";
import { Savings } from "../memory/savings.tsx";
import { BlockBar } from "./block-bar.tsx";
import { History } from "./history.tsx";
import { Predictions } from "./predictions.tsx";

export function InstancesPanel() {
  const page = usePage();
  const snapshot = useStore(connection.snapshot);
  if (snapshot === null) return <p class="quiet">{page.text("page.loading")}</p>;
  return (
    <>
      {Object.values(snapshot.instances).map((instance) => (
        <Instance key={instance.instanceId} instance={instance} />
      ))}
    </>
  );
}

function Instance({ instance }: { readonly instance: InstanceSnapshot }) {
  const page = usePage();
  const { instanceId, model, state, reason, blocks, latency } = instance;
  return (
    <section class="panel instance-view" aria-label={instanceId}>
      <h2>
        {model} <span class={`state is-${state}`}>{stateName(page, state)}</span>
      </h2>
      <p class="quiet">{reason === null ? instanceId : `${instanceId}: ${reason}`}</p>
      {blocks === null ? null : <BlockBar blocks={blocks} />}
      <History instanceId={instanceId} />
      {latency === null ? null : <Latencies windows={latency} />}
      <Steps instance={instance} />
      <Predictions instance={instance} />
      <PrefixCache instance={instance} />
      <Sequences instance={instance} />
    </section>
  );
}

const latencyNames: readonly LatencyName[] = ["timeToFirstToken", "interToken", "queue", "endToEnd"];

const ms = (page: Page, value: number | undefined): string =>
  value === undefined ? "–" : page.decimal(value, value < 10 ? 1 : 0);

function Latencies({ windows }: { readonly windows: readonly LatencyWindow[] }) {
  const page = usePage();
  const three = (percentiles: Percentiles | null): string =>
    percentiles === null
      ? "–"
      : [percentiles.p50Ms, percentiles.p90Ms, percentiles.p99Ms].map((value) => ms(page, value)).join(" / ");
  const columns = windows.map(({ seconds }) => ({
    title: page.text("instances.minutes", { n: seconds / 60 }),
    isNumber: true,
  }));
  return (
    <>
      <h3>{page.text("instances.latency")}</h3>
      <Table
        caption={page.text("instances.latency")}
        columns={[{ title: "ms, P50 / P90 / P99" }, ...columns]}
        rows={latencyNames.map((name) => [
          page.text(`latency.${name}`),
          ...windows.map((window) => three(window[name])),
        ])}
      />
    </>
  );
}

function Steps({ instance: { steps, rates, totals } }: { readonly instance: InstanceSnapshot }) {
  const page = usePage();
  if (steps === null) return null;
  const parts = steps.parts.map(({ name, meanMs }) => `${page.text(`step.${name}`)} ${ms(page, meanMs)}`);
  const whole = (value: number | null | undefined): string => (value == null ? "–" : page.whole(value));
  return (
    <>
      <h3>{page.text("instances.steps")}</h3>
      <Table
        caption={page.text("instances.steps")}
        columns={[
          { title: page.text("instances.figure") },
          { title: page.text("instances.value"), isNumber: true },
        ]}
        rows={[
          [page.text("instances.stepTime"), `${ms(page, steps.meanMs)} ms (${parts.join(", ")})`],
          [page.text("instances.stepTokens"), page.decimal(steps.meanTokens, 1)],
          [
            page.text("instances.hits"),
            rates?.prefixHitRate == null ? "–" : `${page.decimal(100 * rates.prefixHitRate, 0)} %`,
          ],
          [page.text("instances.preemptions"), whole(totals?.numPreemptions)],
        ]}
      />
    </>
  );
}

function PrefixCache({ instance }: { readonly instance: InstanceSnapshot }) {
  const page = usePage();
  const { prefixCache } = instance;
  if (prefixCache === null) return null;
  return (
    <>
      <h3>{page.text("instances.worth")}</h3>
      <Savings instance={instance} curve={prefixCache} />
    </>
  );
}

const mostSequences = 50;

function Sequences({ instance }: { readonly instance: InstanceSnapshot }) {
  const page = usePage();
  const { sequences, numRunning, numWaiting } = instance;
  if (sequences === null) return null;
  const shown = Object.values(sequences).slice(0, mostSequences);
  const numHidden = Math.max(0, (numRunning ?? 0) + (numWaiting ?? 0) - shown.length);
  const number = (name: Parameters<Page["text"]>[0]) => ({ title: page.text(name), isNumber: true });
  return (
    <>
      <h3>{page.text("instances.sequences")}</h3>
      {shown.length === 0 ? (
        <p class="quiet">{page.text("instances.noSequences")}</p>
      ) : (
        <Table
          caption={page.text("instances.sequences")}
          columns={[
            { title: page.text("sequence.request") },
            { title: page.text("sequence.state") },
            number("sequence.age"),
            number("sequence.prompt"),
            number("sequence.output"),
            number("sequence.blocks"),
            number("sequence.held"),
          ]}
          rows={shown.map((sequence) => [
            `${sequence.requestId.slice(0, 12)}/${sequence.index}`,
            page.text(`sequence.${sequence.state}`),
            `${page.decimal(sequence.ageMs / 1000, 1)} s`,
            `${page.whole(sequence.numPromptTokens)} (${page.whole(sequence.numCachedTokens)})`,
            `${page.whole(sequence.numOutputTokens)} / ${page.whole(sequence.maxTokens)}`,
            `${page.whole(sequence.numBlocks)} → ${page.whole(sequence.numForecastBlocks)}`,
            `${formatBytes(sequence.byteSeconds)}·s`,
          ])}
        />
      )}
      {numHidden === 0 ? null : (
        <p class="quiet">{page.text("sequence.hidden", { n: page.whole(numHidden) })}</p>
      )}
    </>
  );
}
