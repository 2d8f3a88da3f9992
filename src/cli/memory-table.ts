/** @module Where every byte of the budget goes, as a table for people. */
import { formatBytes } from "../core/byte-size.ts";
import type { ServedModel } from "../core/generation.ts";
import type { MemoryReport } from "../core/memory-report.ts";
import type { PreparedInstance } from "../instance/instance.ts";
import type { InstanceSettings } from "../instance/settings.ts";
import { describeSampling } from "./describe-sampling.ts";

const componentLabels = {
  runtime: "runtime (Node, heap ceiling, threads)",
  weights: "weights",
  workspace: "workspace",
  kvPool: "KV pool",
  tables: "tables",
} as const;

/** Lines of the table; no trailing newline. */
export function memoryTable(report: MemoryReport, prepared: PreparedInstance, model: ServedModel): string {
  const rows = report.components.map((component) => [
    componentLabels[component.name],
    formatBytes(component.plannedBytes),
    formatBytes(component.actualBytes),
    component.evidence,
  ]);
  const total = (key: "plannedBytes" | "actualBytes"): string =>
    formatBytes(report.components.reduce((sum, component) => sum + component[key], 0));
  const table = alignColumns([
    ["", "planned", "actual", ""],
    ...rows,
    ["total", total("plannedBytes"), total("actualBytes"), ""],
  ]);
  return [...table, "", ...derivation(report, prepared, model), ...prepared.plan.budget.notes].join("\n");
}

function derivation(
  report: MemoryReport,
  { plan, settings }: PreparedInstance,
  model: ServedModel,
): string[] {
  const { budget, blocks } = report;
  const { limits } = plan;
  const cap =
    budget.capBytes === null
      ? "none"
      : `${formatBytes(budget.capBytes)} = ${budget.capBytes} bytes (${budget.cap.why})`;
  const perBlock = `${blocks.blockSize} tokens, ${formatBytes(blocks.bytesPerBlock)}, ${limits.kvDtype}`;
  const length = plan.budget.maxModelLen;
  return alignColumns([
    ["device", `${formatBytes(budget.deviceTotalBytes)} in all`],
    ["cap", cap],
    ["KV pool", `${budget.pool.why}: ${blocks.numTotal} blocks of ${perBlock}`],
    [
      "tokens",
      `${report.numKvTokens} in the pool, ${report.maxConcurrency.toFixed(2)} sequences of ${length.value}`,
    ],
    ["max length", `${length.value} (${length.why ?? length.from})`],
    ["a step", `at most ${limits.maxNumSeqs} sequences and ${limits.maxNumBatchedTokens} tokens`],
    [
      "kernels",
      `${report.kernels}${kernelsOrigin(report, settings)}, ${settings.numThreads.value} threads (${settings.numThreads.why ?? settings.numThreads.from})`,
    ],
    ...(report.kernelsReason === undefined ? [] : [["", report.kernelsReason]]),
    ["sampling", `${describeSampling(model.defaultSampling)} (${model.samplingOrigin})`],
  ]);
}

/** Who asked for the kernels, or how long it took to trust them. */
function kernelsOrigin({ selfTestMs }: MemoryReport, { kernels }: InstanceSettings): string {
  if (kernels.why !== undefined) return ` (${kernels.why})`;
  return selfTestMs === undefined ? "" : ` (tested in ${selfTestMs.toFixed(0)} ms)`;
}

/** The first column is flush left; numbers of a four-column table are flush right. */
function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column > 0 && row.length > 2 && column < 3 ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}
