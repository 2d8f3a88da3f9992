/** @module Tuning: the last runs of `pagoda tune` on the server's machine, each with its Pareto plot. */
import type { TuningAnswer, TuningRun } from "../../../api/admin/observatory/index.ts";
import { Chart } from "../../chart/chart.tsx";
import { Command } from "../../page/command.tsx";
import { type Page, setUrl, usePage } from "../../page/page-state.ts";
import { TableTwin } from "../../page/table-twin.tsx";
import { usePolled } from "../../page/use-polled.ts";

const readEveryMs = 10_000;
const example = "pagoda tune --users 16 --p99-ttft 500ms";

export function TuningPanel() {
  const page = usePage();
  const answer = usePolled<TuningAnswer>("admin/tuning", readEveryMs);
  if (answer === null) return <p class="quiet">{page.text("page.loading")}</p>;
  if (!answer.ok) return <p class="refusal">{answer.refusal.message}</p>;
  const { runs } = answer.value;
  const run = runs.find(({ createdAt }) => createdAt === page.url.run) ?? runs[0];
  return (
    <>
      <p class="lead">{page.text("tuning.lead")}</p>
      {run === undefined ? (
        <section class="panel">
          <p>{page.text("tuning.none")}</p>
          <Command text={example} label={page.text("tuning.none")} />
        </section>
      ) : (
        <>
          <Choice runs={runs} chosen={run.createdAt} />
          <Run run={run} />
        </>
      )}
    </>
  );
}

function timeOf(page: Page, createdAt: string): string {
  return new Date(createdAt).toLocaleString(page.language);
}

function Choice({ runs, chosen }: { readonly runs: readonly TuningRun[]; readonly chosen: string }) {
  const page = usePage();
  return (
    <div class="choice">
      <label for="run">{page.text("tuning.run")}</label>
      <select id="run" value={chosen} onChange={({ currentTarget: { value } }) => setUrl({ run: value })}>
        {runs.map(({ createdAt, model, goalText }) => (
          <option key={createdAt} value={createdAt}>
            {timeOf(page, createdAt)} · {model} · {goalText}
          </option>
        ))}
      </select>
    </div>
  );
}

const kinds = ["simulated", "trial", "present", "winner"] as const;

function Run({ run }: { readonly run: TuningRun }) {
  const page = usePage();
  const { model, engine, verdict, goalText, serveCommand, command } = run;
  return (
    <section class="panel" aria-labelledby="run-title">
      <h2 id="run-title">
        {model} <span class="quiet">{engine}</span>
      </h2>
      <p class="quiet" lang="en">
        {goalText}
      </p>
      <p lang="en">{verdict}</p>
      <Command text={serveCommand} label={page.text("tuning.command")} />
      <Pareto run={run} />
      <details class="twin">
        <summary>{page.text("tuning.repeat")}</summary>
        <Command text={command} label={page.text("tuning.repeat")} />
      </details>
    </section>
  );
}

function Pareto({ run: { metrics, limits, points, front } }: { readonly run: TuningRun }) {
  const page = usePage();
  const [x, y] = metrics.map((metric) => (/ttft|itl|e2e/.test(metric) ? `${metric}, ms` : metric));
  const shown = (value: number): string => page.decimal(value, value < 10 ? 2 : 0);
  const label = page.text("tuning.plot", { x: metrics[0], y: metrics[1] });
  const ordered = kinds.flatMap((kind) => points.filter((point) => point.kind === kind));
  const present = page.text("tuning.present");
  return (
    <figure>
      <Chart
        label={label}
        xTitle={x ?? ""}
        yTitle={y ?? ""}
        fromZero={false}
        height={320}
        xFormat={shown}
        yFormat={shown}
        lines={[{ kind: "front", points: front }]}
        marks={ordered.map(({ kind, flags, ...at }, index) => ({
          kind,
          ...at,
          label: `${index + 1}. ${page.text(`tuning.${kind}`)}: ${flags || present} (${shown(at.x)}, ${shown(at.y)})`,
        }))}
        limits={{
          ...(limits[0] === null ? {} : { x: limits[0] }),
          ...(limits[1] === null ? {} : { y: limits[1] }),
        }}
      />
      <ul class="legend" aria-hidden="true">
        {kinds.map((kind) => (
          <li key={kind}>
            <span class={`dot is-${kind}`} />
            {page.text(`tuning.${kind}`)}
          </li>
        ))}
      </ul>
      <TableTwin
        caption={label}
        columns={[
          { title: page.text("tuning.setting") },
          { title: page.text("events.kind") },
          { title: x ?? "", isNumber: true },
          { title: y ?? "", isNumber: true },
        ]}
        rows={ordered
          .toReversed()
          .map(({ flags, kind, ...at }) => [
            flags || present,
            page.text(`tuning.${kind}`),
            shown(at.x),
            shown(at.y),
          ])}
      />
    </figure>
  );
}
