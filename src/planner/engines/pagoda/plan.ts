/**
 * @module The plan of our own engine: only the process itself is estimated. The bytes are those of `backend/cpu/footprint`,
 * by which the backend allocates, and the budget is the start's own (`memory/`), so a plan and its start cannot differ.
 */
import { formatBytes } from "../../../core/byte-size.ts";
import type { ModelShape } from "../../../core/footprint.ts";
import type { Resolved } from "../../../core/resolved.ts";
import { FlagReader, setting } from "../../plan/flags.ts";
import type { Plan, PlanComponent, PlanRequest } from "../../plan/plan.ts";
import { estimated, exact, type Quantity } from "../../quantity/quantity.ts";
import { pagodaFlags } from "./flag-table.ts";
import { planOrRefusal } from "./memory/memory-plan.ts";
import { isRefusal, type Refusal } from "./memory/refusals.ts";
import type { MemorySettings } from "./memory/settings.ts";
import { budgetInputs, leastFootprint, type MemoryPlan } from "./memory/stated-plan.ts";
import { newestPagoda, type PagodaStart, startOf } from "./start.ts";

/** @throws PagodaError `plan_invalid`, `invalid_option`, `model_unsupported`. */
export function planPagoda(request: PlanRequest): Plan {
  const start = startOf(request);
  const answer = planOrRefusal(start.settings, start.parts);
  const common = commonParts(request, start);
  if (isRefusal(answer)) {
    const plan = { ...common, ...refused(start, answer) };
    return { ...plan, settings: { ...plan.settings, ...prefixCaching(request) } };
  }
  return {
    ...common,
    budgetBytes: answer.budget.capBytes,
    settings: { ...settingsOf(start.settings, answer), ...prefixCaching(request) },
    components: componentsOf(answer),
    kv: kvOf(answer),
    verdict: {
      kind: "fits",
      failure: null,
      reason: `everything is allocated before the first request (${answer.budget.poolWhy})`,
      engineMessage: null,
      suggestions: [],
    },
    expectedLog: [
      `${answer.limits.numBlocks} blocks of ${answer.limits.blockSize} tokens, ${formatBytes(answer.bytesPerBlock)}`,
    ],
    warnings: answer.budget.notes,
  };
}

function commonParts(request: PlanRequest, { settings, parts, assumed }: PagodaStart) {
  const { device, flags, model } = request;
  const shape = parts.shapeUnder(settings.quantization.value);
  return {
    schema: "pagoda.plan/2",
    engine: "pagoda",
    version: request.version ?? newestPagoda,
    rules: "Pagoda's own footprint",
    model: model.name,
    numParameters: numParameters(shape),
    device: device.name,
    numDevices: 1,
    total: device.total,
    command: [
      "pagoda",
      "serve",
      request.modelArgument ?? model.name,
      ...new FlagReader(pagodaFlags, flags).asCommand(),
    ],
    host: { memoryBytes: 0, diskBytes: 0, why: "the device is the host; its bytes are above" },
    assumed,
  } as const;
}

/** Numbers that the checkpoint's matrices hold, padding aside. */
function numParameters(shape: ModelShape): number {
  return shape.weights.reduce((total, weight) => total + weight.numRows * weight.numCols, 0);
}

/** What was refused, and what the least that would have satisfied the flags is made of. */
function refused({ settings, parts }: PagodaStart, { refusal }: Refusal) {
  const least = leastFootprint(settings, parts);
  const { cap } = settings;
  return {
    budgetBytes: cap?.value.kind === "instanceBytes" ? cap.value.bytes : null,
    settings: settingsOf(settings, null),
    components: least === null ? [] : componentsOf(least),
    kv: null,
    verdict: {
      kind: "refused",
      failure: budgetInputs(settings, parts).pool === null ? "noKvMemory" : "requestTooLong",
      reason: refusal,
      engineMessage: null,
      suggestions: [],
    },
    expectedLog: [],
    warnings: [],
  } as const;
}

function settingsOf(
  settings: MemorySettings,
  plan: MemoryPlan | null,
): Readonly<Record<string, Resolved<string | number | boolean>>> {
  const { cap, pool, quantization } = settings;
  const length = plan?.budget.maxModelLen ?? settings.maxModelLen;
  return {
    ...(cap === null ? {} : capSetting(cap)),
    ...(pool === null ? {} : poolSetting(pool)),
    ...(length === null ? {} : { "max-model-len": length }),
    "max-num-seqs": settings.maxNumSeqs,
    "max-num-batched-tokens": settings.maxNumBatchedTokens,
    "max-logprobs": settings.maxLogprobs,
    "block-size": settings.blockSize,
    "kv-cache-dtype": settings.kvDtype,
    quantization: { ...quantization, value: quantization.value ?? "none" },
    threads: settings.numThreads,
    ...(settings.numRanks.value === 1 ? {} : { "tensor-parallel-size": settings.numRanks }),
  };
}

/** Not a question of memory, but other engines differ in it. */
function prefixCaching({ flags }: PlanRequest): Record<string, Resolved<boolean>> {
  const stated = new FlagReader(pagodaFlags, flags).switched("enable-prefix-caching");
  return { "enable-prefix-caching": setting(stated ?? true, stated === null ? "default" : "flag") };
}

function capSetting(cap: NonNullable<MemorySettings["cap"]>): Record<string, Resolved<number>> {
  return cap.value.kind === "instanceBytes"
    ? { memory: { ...cap, value: cap.value.bytes } }
    : { "gpu-memory-utilization": { ...cap, value: cap.value.fraction } };
}

function poolSetting(pool: NonNullable<MemorySettings["pool"]>): Record<string, Resolved<number>> {
  const { value } = pool;
  switch (value.kind) {
    case "fractionOfFree":
      return { "cache-max-entry-count": { ...pool, value: value.fraction } };
    case "kvBytes":
      return { "kv-cache-memory-bytes": { ...pool, value: value.bytes } };
    case "blocks":
      return { "num-gpu-blocks-override": { ...pool, value: value.numBlocks } };
    case "tokens":
      return { "max-kv-tokens": { ...pool, value: value.numTokens } };
  }
}

/** Share of the runtime's reservation that is resident in an idle and in a busy server. */
const runtimeShares = { low: 0.4, expected: 0.7 } as const;

function componentsOf({
  footprint: { components },
  runtimeBytes,
}: Pick<MemoryPlan, "footprint" | "runtimeBytes">): PlanComponent[] {
  const ofFormula = (bytes: number): Quantity =>
    exact(bytes, "the formula by which the CPU backend allocates");
  const runtime = estimated(
    runtimeBytes * runtimeShares.low,
    runtimeBytes * runtimeShares.expected,
    runtimeBytes,
    "Node, compiled code, stacks and the heap up to its ceiling; the high end is what is set aside",
  );
  return [
    { name: "runtime", label: "runtime (Node)", quantity: runtime, isBudgeted: true },
    { name: "weights", label: "weights", quantity: ofFormula(components.weights), isBudgeted: true },
    { name: "workspace", label: "workspace", quantity: ofFormula(components.workspace), isBudgeted: true },
    { name: "tables", label: "tables", quantity: ofFormula(components.tables), isBudgeted: true },
    { name: "kvPool", label: "KV pool", quantity: ofFormula(components.kvPool), isBudgeted: true },
  ];
}

function kvOf({ limits, footprint, bytesPerBlock }: MemoryPlan): Plan["kv"] {
  const same = (value: number) => ({ low: value, expected: value, high: value });
  const numTokens = limits.numBlocks * limits.blockSize;
  return {
    available: exact(footprint.components.kvPool, "the formula by which the CPU backend allocates"),
    blockSize: limits.blockSize,
    bytesPerBlock,
    bytesPerToken: bytesPerBlock / limits.blockSize,
    numBlocks: same(limits.numBlocks),
    numTokens: same(numTokens),
    concurrency: same(numTokens / limits.maxModelLen),
    maxModelLen: limits.maxModelLen,
    numGroups: 1,
    dtype: limits.kvDtype,
  };
}
