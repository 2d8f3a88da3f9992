/** @module Where every byte of the budget goes, as a table for people. */
import { formatBytes } from "../../core/byte-size.ts";
import type { ServedModel } from "../../core/generation.ts";
import type { MemoryReport } from "../../core/memory-report.ts";
import { describeSampling } from "../../core/sampling-params.ts";
import type { InstanceSettings, PreparedInstance } from "../../instance/index.ts";
import { alignColumns, brokenLines, type LabelledText, labelledLines } from "./text-columns.ts";

const componentLabels = {
  runtime: "runtime (heap, threads)",
  weights: "weights",
  workspace: "workspace",
  kvPool: "KV pool",
  tables: "tables",
} as const;

export interface MemoryTableParts {
  readonly report: MemoryReport;
  readonly prepared: PreparedInstance;
  readonly model: ServedModel;
}

/** Lines of the table, long ones broken where a terminal of `columns` needs it (null: none is); no trailing newline. */
export function memoryTable(parts: MemoryTableParts, columns: number | null): string {
  const { report, prepared } = parts;
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
    ...(report.ranks ?? []).map((rank) => [
      `of them, rank ${rank.rank}`,
      formatBytes(rank.plannedBytes),
      formatBytes(rank.actualBytes),
      "exact",
    ]),
    ...sharedByRanks(report),
  ]);
  const notes = prepared.plan.budget.notes.flatMap((note) => brokenLines(note, "", columns));
  return [...table, "", ...labelledLines(derivation(parts), columns), ...notes].join("\n");
}

/** What no rank has for itself: activations, inputs and tables, whole rows of which all ranks write and read. */
function sharedByRanks({ ranks = [], components }: MemoryReport): string[][] {
  if (ranks.length === 0) return [];
  const shared = (key: "plannedBytes" | "actualBytes"): string => {
    const allocated = components.filter(({ name }) => name !== "runtime");
    const allBytes = allocated.reduce((sum, component) => sum + component[key], 0);
    return formatBytes(ranks.reduce((left, rank) => left - rank[key], allBytes));
  };
  return [["of them, all ranks", shared("plannedBytes"), shared("actualBytes"), "exact"]];
}

function derivation({ report, prepared, model }: MemoryTableParts): LabelledText[] {
  const { plan, settings } = prepared;
  const { budget, blocks } = report;
  const { limits } = plan;
  const cap =
    budget.capBytes === null
      ? "none"
      : `${formatBytes(budget.capBytes)} = ${budget.capBytes} bytes (${budget.cap.why})`;
  const perBlock = `${blocks.blockSize} tokens, ${formatBytes(blocks.bytesPerBlock)}, ${limits.kvDtype}`;
  const length = plan.budget.maxModelLen;
  return [
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
    ...(settings.numRanks.value === 1
      ? []
      : [
          [
            "ranks",
            `${settings.numRanks.value}, each with ${settings.numThreads.value / settings.numRanks.value} of the threads (${settings.numRanks.why ?? settings.numRanks.from})`,
          ] as const,
        ]),
    ...(report.kernelsReason === undefined ? [] : [["", report.kernelsReason] as const]),
    ["sampling", `${describeSampling(model.defaultSampling)} (${model.samplingOrigin})`],
  ];
}

/** Who asked for the kernels, or how long it took to trust them. */
function kernelsOrigin({ selfTestMs }: MemoryReport, { kernels }: InstanceSettings): string {
  if (kernels.why !== undefined) return ` (${kernels.why})`;
  return selfTestMs === undefined ? "" : ` (tested in ${selfTestMs.toFixed(0)} ms)`;
}
