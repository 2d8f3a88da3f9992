/**
 * @module Pagoda's own engine: nothing is estimated but the process itself. The bytes are those of `backend/cpu/footprint`,
 * by which the backend allocates; the budget is `core/budget`'s, so the plan and the start cannot differ.
 */
import { type CpuLimits, cpuFootprint } from "../../../backend/cpu/footprint/index.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import type { ModelShape } from "../../../core/footprint.ts";
import { kvBlockBytes } from "../../../core/kv-layout.ts";
import { setting } from "../../plan/flags.ts";
import { deepFreeze, type Plan, type PlanComponent } from "../../plan/plan.ts";
import { estimated, exact } from "../../quantity/quantity.ts";
import type { Budget } from "./budget.ts";

export interface PagodaStart {
  readonly modelName: string;
  readonly version: string;
  readonly shape: ModelShape;
  readonly limits: CpuLimits & {
    readonly maxModelLen: number;
    readonly maxNumSeqs: number;
    readonly maxNumBatchedTokens: number;
  };
  readonly budget: Budget;
  /** Most bytes of Node, code, stacks and heaps. */
  readonly runtimeBytes: number;
  readonly deviceTotalBytes: number;
  readonly command: readonly string[];
}

/** Numbers the checkpoint's matrices hold, padding aside. */
function numParameters(shape: ModelShape): number {
  return shape.weights.reduce((total, weight) => total + weight.numRows * weight.numCols, 0);
}

function componentsOf(start: PagodaStart): PlanComponent[] {
  const { components } = cpuFootprint(start.shape, start.limits);
  const ofFormula = (bytes: number) => exact(bytes, "the formula by which the CPU backend allocates");
  const runtime = estimated(
    start.runtimeBytes * 0.4,
    start.runtimeBytes * 0.7,
    start.runtimeBytes,
    "Node, compiled code, stacks and the heap up to its ceiling; the high end is what is set aside",
  );
  return [
    { name: "context", label: "runtime (Node)", quantity: runtime, isBudgeted: true },
    { name: "weights", label: "weights", quantity: ofFormula(components.weights), isBudgeted: true },
    { name: "activations", label: "workspace", quantity: ofFormula(components.workspace), isBudgeted: true },
    { name: "other", label: "tables", quantity: ofFormula(components.tables), isBudgeted: true },
    { name: "kvPool", label: "KV pool", quantity: ofFormula(components.kvPool), isBudgeted: true },
  ];
}

/** The plan of a start whose budget has been resolved. */
export function planPagoda(start: PagodaStart): Plan {
  const { limits, shape, budget } = start;
  const components = componentsOf(start);
  const pool = components.find(({ name }) => name === "kvPool")?.quantity ?? exact(0, "no pool");
  const bytesPerBlock = kvBlockBytes(limits.kvDtype, shape.kvLayers, limits.blockSize);
  const numTokens = limits.numBlocks * limits.blockSize;
  const same = (value: number) => ({ low: value, expected: value, high: value });
  return deepFreeze({
    schema: "pagoda.plan/1",
    engine: "pagoda",
    version: start.version,
    rules: "Pagoda's own footprint",
    model: start.modelName,
    numParameters: numParameters(shape),
    device: "CPU",
    numDevices: 1,
    total: exact(start.deviceTotalBytes, "this machine, or the container it is in"),
    budgetBytes: budget.capBytes,
    settings: {
      "max-model-len": budget.maxModelLen,
      "max-num-seqs": setting(limits.maxNumSeqs, "derived"),
      "max-num-batched-tokens": setting(limits.maxNumBatchedTokens, "derived"),
      "block-size": setting(limits.blockSize, "derived"),
      "kv-cache-dtype": setting(limits.kvDtype, "derived"),
      threads: setting(limits.numThreads, "derived"),
    },
    components,
    kv: {
      available: pool,
      blockSize: limits.blockSize,
      bytesPerBlock,
      bytesPerToken: bytesPerBlock / limits.blockSize,
      numBlocks: same(limits.numBlocks),
      numTokens: same(numTokens),
      concurrency: same(numTokens / limits.maxModelLen),
      maxModelLen: limits.maxModelLen,
      numGroups: 1,
      dtype: limits.kvDtype,
    },
    verdict: {
      kind: "fits",
      failure: null,
      reason: `everything is allocated before the first request (${budget.poolWhy})`,
      engineMessage: null,
      suggestions: [],
    },
    expectedLog: [`${limits.numBlocks} blocks of ${limits.blockSize} tokens, ${formatBytes(bytesPerBlock)}`],
    command: start.command,
    host: { memoryBytes: 0, diskBytes: 0, why: "the device is the host; its bytes are above" },
    assumed: [],
    warnings: budget.notes,
  });
}
