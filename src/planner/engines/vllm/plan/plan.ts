/**
 * @module One plan of vLLM: a share of the device's total memory for everything, and KV takes what is left.
 *
 *   requested = ceil(total × utilization)
 *   available = requested − weights − persistent − peak activations − graphs (from 0.21)
 *
 * Versions differ only through their profile (vllm/settings/versions.ts). Source: vllm-memory.md.
 */
import { formatBytes } from "../../../../core/byte-size.ts";
import { ownershipWarnings } from "../../../device/device.ts";
import type { Pool } from "../../../kv/pool-capacity.ts";
import { countParameters } from "../../../model/weights/rank-tensors.ts";
import { rankWeights } from "../../../model/weights/rank-weights.ts";
import { setting } from "../../../plan/flags.ts";
import type { CountRange, KvPlan, Plan, PlanComponent, PlanRequest } from "../../../plan/plan.ts";
import { gib, mib } from "../../../quantity/bytes.ts";
import { exact } from "../../../quantity/quantity.ts";
import { expectedLines } from "../log/expected-lines.ts";
import { newestVllm } from "../settings/versions.ts";
import { type Budget, budgetOf, contextBytes } from "./budget.ts";
import { type Outcome, verdictOf } from "./outcome.ts";
import { vllmPoolOutcome } from "./pool.ts";
import { graphMemory } from "./profiled-memory.ts";
import { type Start, startOf } from "./start.ts";

interface PoolRange {
  readonly numBlocks: CountRange;
  readonly numTokens: CountRange;
  readonly concurrency: CountRange;
}

/** What the pool holds at the three ends; nothing where it is refused there. */
function poolRange(start: Start, budget: Budget): PoolRange {
  const at = (end: "lowBytes" | "expectedBytes" | "highBytes"): Pool | null => {
    const bytes = budget.available.map((quantity) => quantity[end]);
    const outcome = vllmPoolOutcome(start.pool, bytes, start.settings, start.profile);
    return outcome.kind === "fits" ? outcome.pool : null;
  };
  const [low, expected, high] = [at("lowBytes"), at("expectedBytes"), at("highBytes")];
  const count = (of: (pool: Pool) => number): CountRange => ({
    low: low === null ? 0 : of(low),
    expected: expected === null ? 0 : of(expected),
    high: high === null ? 0 : of(high),
  });
  return {
    numBlocks: count((pool) => pool.numBlocks),
    numTokens: count((pool) => pool.numTokens),
    concurrency: count((pool) => pool.concurrency),
  };
}

function kvPlan(start: Start, budget: Budget, expected: Outcome): KvPlan {
  const { pool, settings } = start;
  const outcome = expected.kind === "fits" ? expected.outcome : null;
  const [first] = budget.available;
  const available = budget.available.reduce(
    (least, next) => (next.expectedBytes < least.expectedBytes ? next : least),
    first ?? exact(0, ""),
  );
  return {
    available,
    blockSize: pool.layers.blockSize,
    bytesPerBlock: pool.blockBytes,
    bytesPerToken: pool.bytesPerToken,
    ...poolRange(start, budget),
    maxModelLen: outcome?.maxModelLen ?? settings.maxModelLen.value,
    numGroups: pool.groups.length,
    dtype: pool.layers.kvDtype,
  };
}

function componentsOf(start: Start, budget: Budget, kv: KvPlan): PlanComponent[] {
  const captured = graphMemory(start.model, start.request.device, start.settings);
  const isCharged = budget.graphs.expectedBytes > 0;
  const graphs = isCharged ? budget.graphs : captured;
  const pool = kv.available.expectedBytes > 0 ? kv.available : exact(0, "no pool");
  return [
    { name: "runtime", label: "CUDA context", quantity: contextBytes, isBudgeted: start.profile.billsDevice },
    { name: "weights", label: "weights", quantity: budget.weights, isBudgeted: true },
    { name: "persistent", label: "persistent buffers", quantity: budget.persistent, isBudgeted: true },
    { name: "activations", label: "peak activations", quantity: budget.activations, isBudgeted: true },
    { name: "graphs", label: "CUDA graphs", quantity: graphs, isBudgeted: isCharged },
    { name: "kvPool", label: "KV blocks", quantity: pool, isBudgeted: true },
  ];
}

function logOf(start: Start, budget: Budget, expected: Outcome): string[] {
  if (expected.kind !== "fits") return [expected.message];
  const { pool, maxModelLen } = expected.outcome;
  const available = Math.min(...budget.available.map(({ expectedBytes }) => expectedBytes));
  const blockBytes = pool.blockBytes;
  return expectedLines(start.profile, {
    weightsBytes: budget.weights.expectedBytes,
    availableBytes: available,
    numBlocks: pool.numBlocks,
    numCpuBlocks: blockBytes === 0 ? 0 : Math.trunc(start.settings.swapBytes / blockBytes),
    numTokens: pool.numTokens,
    maxModelLen,
    concurrency: pool.concurrency,
  });
}

function settingsTable({ settings, pool }: Start): Plan["settings"] {
  return {
    "gpu-memory-utilization": settings.utilization,
    "max-model-len": settings.maxModelLen,
    "max-num-batched-tokens": settings.maxBatchedTokens,
    "max-num-seqs": settings.maxSeqs,
    "block-size": settings.blockSize ?? setting(pool.layers.blockSize, "derived", "of the attention backend"),
    "kv-cache-dtype": setting(settings.kvDtype, settings.kvDtype === "auto" ? "default" : "flag"),
    "tensor-parallel-size": setting(
      settings.tensorParallel,
      settings.tensorParallel === 1 ? "default" : "flag",
    ),
    "enforce-eager": setting(settings.isEager, settings.flags.has("enforce-eager") ? "flag" : "default"),
    "enable-prefix-caching": setting(settings.cachesPrefixes, "default"),
    ...(settings.kvBytesStated === null
      ? {}
      : { "kv-cache-memory-bytes": setting(settings.kvBytesStated, "flag") }),
    ...(settings.numBlocksOverride === null
      ? {}
      : { "num-gpu-blocks-override": setting(settings.numBlocksOverride, "flag") }),
  };
}

/** Flags that move memory in ways this arithmetic does not follow: said, not hidden. */
const notCounted: readonly string[] = [
  "prefill-context-parallel-size",
  "offload-group-size",
  "use-replayssm",
  "kv-transfer-config",
  "enable-eplb",
  "enable-dbo",
];

function warningsOf(start: Start): string[] {
  const warnings = [
    ...ownershipWarnings(start.request.device),
    ...(start.profile.billsDevice && start.request.usedBytes > 0
      ? [
          `vLLM ${start.profile.id} takes what other processes hold (${formatBytes(start.request.usedBytes)}) off its own share; from 0.9.1 it does not.`,
        ]
      : []),
    ...notCounted
      .filter((name) => start.settings.flags.has(name))
      .map((name) => `--${name} is passed on; what it moves in memory is not in this plan.`),
  ];
  const { settings, model, profile } = start;
  if (settings.speculation?.kind === "uncounted")
    warnings.push(`What drafting by ${settings.speculation.method} holds in memory is not in this plan.`);
  if (settings.speculation?.kind === "prediction" && model.numDraftLayers === 0)
    warnings.push(
      "The configuration names no prediction layers (num_nextn_predict_layers); one was assumed.",
    );
  const kvHeads = Math.min(
    ...model.layers.map(({ mixer }) =>
      mixer.kind === "attention" ? mixer.numKvHeads : Number.POSITIVE_INFINITY,
    ),
  );
  if (settings.tensorParallel > kvHeads)
    warnings.push(
      `${kvHeads} KV heads are repeated over ${settings.tensorParallel} ranks: the KV cache of a rank shrinks no further.`,
    );
  if (settings.numBlocksOverride !== null)
    warnings.push("--num-gpu-blocks-override may exceed the memory that is there; vLLM does not check.");
  if (settings.kvBytesStated !== null && profile.checksFreeMemory)
    warnings.push(
      "--kv-cache-memory-bytes sets the pool, but free memory is still compared with --gpu-memory-utilization.",
    );
  return warnings;
}

/** One plan, without suggestions. */
export function planVllm(request: PlanRequest): Plan {
  const start = startOf(request);
  const budget = budgetOf(start);
  const { verdict, expected } = verdictOf(start, budget);
  const kv = kvPlan(start, budget, expected);
  const { settings, model } = start;
  const world = settings.tensorParallel * settings.pipelineParallel * settings.dataParallel;
  return {
    schema: "pagoda.plan/2",
    engine: "vllm",
    version: request.version ?? newestVllm,
    rules: `vLLM ${start.profile.id}, ${start.profile.runner === "v0" ? "V0" : settings.usesSecondRunner ? "V1, second runner" : "V1"}`,
    model: model.name,
    numParameters: countParameters(model),
    device: request.device.name,
    numDevices: world,
    total: request.device.total,
    budgetBytes: budget.requested.expectedBytes,
    settings: settingsTable(start),
    components: componentsOf(start, budget, kv),
    kv,
    verdict,
    expectedLog: logOf(start, budget, expected),
    command: ["vllm", "serve", request.modelArgument ?? model.name, ...settings.flags.asCommand()],
    host: {
      memoryBytes:
        4 * gib +
        (settings.flags.number("kv-offloading-size") ?? 0) * gib +
        settings.cpuOffloadBytes * world +
        (start.profile.runner === "v0" ? settings.swapBytes * world : 0) +
        256 * mib * world,
      diskBytes: rankWeights(model, { tensorParallel: 1, pipelineParallel: 1, expertParallel: 1 }, 0, "none")
        .expectedBytes,
      why: "a Python process per rank, pinned buffers and what is offloaded; the checkpoint on disk",
    },
    assumed: model.assumed,
    warnings: warningsOf(start),
  };
}
