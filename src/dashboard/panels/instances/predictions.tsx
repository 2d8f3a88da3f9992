/** @module Predicted against actual: memory by its plan, steps by the step-time model, KV blocks by the admission forecast. */
import type { InstanceSnapshot } from "../../../api/admin/observatory/index.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import { Chart } from "../../chart/chart.tsx";
import { type Page, usePage } from "../../page/page-state.ts";
import { Table, TableTwin } from "../../page/table-twin.tsx";
import { predictions } from "../../state/connection.ts";
import { meanError, type StepSample } from "../../state/prediction-ring.ts";

const errorText = (page: Page, error: number | null): string =>
  error === null ? "–" : `± ${page.decimal(100 * error, 1)} %`;

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export function Predictions({ instance }: { readonly instance: InstanceSnapshot }) {
  const page = usePage();
  const steps = predictions.steps(instance.instanceId);
  const rows = [
    memoryRow(page, instance),
    stepRow(page, instance, steps),
    blockRow(page, instance.instanceId),
  ];
  return (
    <>
      <h3>{page.text("instances.prediction")}</h3>
      <Table
        caption={page.text("instances.prediction")}
        columns={[
          { title: page.text("instances.figure") },
          { title: page.text("prediction.predicted"), isNumber: true },
          { title: page.text("prediction.actual"), isNumber: true },
          { title: page.text("prediction.error"), isNumber: true },
        ]}
        rows={rows}
      />
      {steps.length < 2 ? null : <StepChart steps={steps} />}
    </>
  );
}

function memoryRow(page: Page, { memory }: InstanceSnapshot): readonly string[] {
  const title = page.text("prediction.memory");
  const components = memory?.components ?? [];
  const planned = components.reduce((sum, { plannedBytes }) => sum + (plannedBytes ?? 0), 0);
  const actual = components.reduce((sum, { actualBytes }) => sum + (actualBytes ?? 0), 0);
  if (planned === 0 || actual === 0) return [title, "–", "–", "–"];
  return [title, formatBytes(planned), formatBytes(actual), errorText(page, meanError([[actual, planned]]))];
}

function stepRow(page: Page, { steps }: InstanceSnapshot, samples: readonly StepSample[]): readonly string[] {
  const title = page.text("prediction.step");
  if (steps === null) return [title, "–", "–", "–"];
  const ms = (value: number): string => `${page.decimal(value, 2)} ms`;
  const overall = meanError(samples.map(({ actualMs, predictedMs }) => [actualMs, predictedMs]));
  const error =
    overall === null
      ? errorText(page, steps.meanRelativeError)
      : `${errorText(page, overall)} (${page.text("prediction.now", { n: errorText(page, steps.meanRelativeError) })})`;
  return [title, ms(steps.meanPredictedMs), ms(steps.meanMs), error];
}

function blockRow(page: Page, instanceId: string): readonly string[] {
  const ended = predictions.ended(instanceId);
  const title = page.text("prediction.kv");
  if (ended.length === 0) return [title, "–", "–", page.text("prediction.none")];
  const error = meanError(ended.map(({ numActual, numForecast }) => [numActual, numForecast]));
  return [
    `${title}, ${page.text("prediction.ended", { n: page.whole(ended.length) })}`,
    page.decimal(meanOf(ended.map(({ numForecast }) => numForecast)), 1),
    page.decimal(meanOf(ended.map(({ numActual }) => numActual)), 1),
    errorText(page, error),
  ];
}

function StepChart({ steps }: { readonly steps: readonly StepSample[] }) {
  const page = usePage();
  const lastMs = steps.at(-1)?.unixMs ?? 0;
  const secondsAgo = (unixMs: number): number => (unixMs - lastMs) / 1000;
  const [actual, predicted] = [page.text("prediction.actual"), page.text("prediction.predicted")];
  return (
    <figure>
      <Chart
        label={page.text("prediction.chart")}
        xTitle={page.text("prediction.seconds")}
        yTitle={`${page.text("prediction.step")}, ms`}
        height={180}
        fromZero={false}
        xFormat={(seconds) => page.whole(Math.abs(seconds))}
        yFormat={(ms) => page.decimal(ms, 2)}
        lines={[
          {
            kind: "actual",
            points: steps.map(({ unixMs, actualMs }) => ({ x: secondsAgo(unixMs), y: actualMs })),
          },
          {
            kind: "predicted",
            points: steps.map(({ unixMs, predictedMs }) => ({ x: secondsAgo(unixMs), y: predictedMs })),
          },
        ]}
      />
      <ul class="legend" aria-hidden="true">
        <li>
          <span class="stroke is-actual" />
          {actual}
        </li>
        <li>
          <span class="stroke is-predicted" />
          {predicted}
        </li>
      </ul>
      <TableTwin
        caption={page.text("prediction.chart")}
        columns={[
          { title: page.text("history.time") },
          { title: `${predicted}, ms`, isNumber: true },
          { title: `${actual}, ms`, isNumber: true },
          { title: page.text("prediction.error"), isNumber: true },
        ]}
        rows={steps.map(({ unixMs, actualMs, predictedMs }) => [
          new Date(unixMs).toLocaleTimeString(page.language),
          page.decimal(predictedMs, 3),
          page.decimal(actualMs, 3),
          errorText(page, meanError([[actualMs, predictedMs]])),
        ])}
      />
    </figure>
  );
}
