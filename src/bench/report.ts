/** @module A bench's figures as a table for people; the same figures are written as JSON. */

import type { Conditions } from "./conditions.ts";
import type { Figure } from "./figures/figure.ts";
import type { ServerMeasurement } from "./peers/comparison.ts";
import type { StepReport } from "./steps/step-figures.ts";

export interface BenchReport {
  readonly conditions: Conditions;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly servers: readonly ServerMeasurement[];
  readonly figures: readonly Figure[];
  readonly profiles: StepReport["profiles"];
  /** Parts that could not be measured, with the reason. */
  readonly notMeasured: readonly string[];
}

export function renderReport(report: BenchReport): string {
  const { conditions } = report;
  const heading = [
    `${conditions.processor} (${conditions.processorFeatures.join(" ")}), ${conditions.numProcessors} processors, ${(conditions.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    `Node ${conditions.node}, commit ${conditions.commit}, ${conditions.takenAt}`,
    Object.entries(report.settings)
      .map(([name, value]) => `${name} ${value}`)
      .join(", "),
  ];
  const parts = [heading.join("\n")];
  if (report.servers.length > 0) parts.push(table(serverRows(report.servers)));
  if (report.figures.length > 0) parts.push(table(figureRows(report.figures)));
  if (report.profiles.length > 0) parts.push(table(profileRows(report.profiles)));
  if (report.notMeasured.length > 0)
    parts.push(report.notMeasured.map((line) => `not measured: ${line}`).join("\n"));
  return `${parts.join("\n\n")}\n`;
}

function serverRows(servers: readonly ServerMeasurement[]): string[][] {
  const rows = [
    [
      "server",
      "load",
      "output tok/s",
      "TTFT median",
      "P99",
      "ms a token",
      "P99 gap",
      "cached",
      "failed",
      "start",
      "peak MiB",
      "idle CPU",
    ],
  ];
  for (const server of servers) {
    for (const { load, medians } of server.loads) {
      rows.push([
        server.name,
        load,
        medians.outputTokensPerSecond.toFixed(1),
        `${medians.medianTtftMs.toFixed(0)} ms`,
        `${medians.p99TtftMs.toFixed(0)} ms`,
        medians.medianTpotMs.toFixed(2),
        `${medians.p99InterTokenMs.toFixed(0)} ms`,
        medians.numCachedTokens === null ? "?" : String(medians.numCachedTokens),
        String(medians.numFailed),
        `${(server.startMs / 1000).toFixed(2)} s`,
        (server.peakResidentBytes / 2 ** 20).toFixed(0),
        Number.isNaN(server.idleCpuShare) ? "ended" : `${(100 * server.idleCpuShare).toFixed(1)} %`,
      ]);
    }
  }
  return rows;
}

function figureRows(figures: readonly Figure[]): string[][] {
  const rows = [["figure", "ours", "peer", "reached", "goal", ""]];
  for (const figure of figures) {
    const sign = figure.goal?.kind === "atMost" ? "≤" : "≥";
    rows.push([
      figure.name,
      `${significant(figure.ours)} ${figure.unit}`,
      figure.peer === null ? "" : `${figure.peer.name} ${significant(figure.peer.value)}`,
      figure.peer === null ? significant(figure.reached) : `${figure.reached.toFixed(2)} ×`,
      figure.goal === null ? "" : `${sign} ${figure.goal.value}${figure.peer === null ? "" : " ×"}`,
      figure.met === null ? "" : figure.met ? "met" : "MISSED",
    ]);
  }
  return rows;
}

/** Milliseconds by kind of operation, mean of the threads. */
function profileRows(profiles: StepReport["profiles"]): string[][] {
  const kinds = Object.keys(profiles[0]?.step.profile ?? {});
  return [
    ["where a step's time goes (ms)", "kernels", "whole step", ...kinds],
    ...profiles.map(({ kernels, step }) => [
      step.shape.name,
      kernels,
      step.medianMs.toFixed(2),
      ...Object.values(step.profile).map((ms) => ms.toFixed(2)),
    ]),
  ];
}

const significant = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);

/** Columns padded to their widest cell. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => [...(row[column] ?? "")].length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - [...cell].length))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
