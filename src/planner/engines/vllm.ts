/**
 * @module The rules of vLLM: a share of the device's total memory for everything, and KV takes what is left.
 *
 *   requested = ceil(total × utilization)
 *   available = requested − weights − persistent − peak activations − graphs (from 0.21)
 *
 * Versions differ only through their profile (vllm/versions.ts). Source: vllm-memory.md.
 */
import { gib, mib } from "../bytes.ts";
import { setting } from "../flags.ts";
import type { Pool, PoolOutcome } from "../kv/pool-capacity.ts";
import type { ModelFacts } from "../model/facts.ts";
import { quantisationNamed } from "../model/parse-quantisation.ts";
import { assertDivides, countParameters, type RankLayout } from "../model/rank-tensors.ts";
import { rankWeights, withStoredBytes } from "../model/rank-weights.ts";
import type { ExpertPadding } from "../model/weight-formats.ts";
import {
  type CountRange,
  deepFreeze,
  type EngineRules,
  type KvPlan,
  type Plan,
  type PlanComponent,
  type PlanRequest,
  type Verdict,
} from "../plan.ts";
import { estimated, exact, mapQuantity, minus, type Quantity, sum } from "../quantity.ts";
import { withSuggestions } from "../suggestions.ts";
import { vllmCandidates } from "./vllm/candidates.ts";
import {
  expectedLines,
  freeMemoryMessage,
  noLengthMessage,
  noMemoryMessage,
  tooLongMessage,
  v0TooLongMessage,
} from "./vllm/log-lines.ts";
import { describePool, type VllmPool, vllmPoolOutcome } from "./vllm/pool.ts";
import {
  chargedGraphs,
  graphMemory,
  loraSlots,
  peakActivations,
  persistentBuffers,
} from "./vllm/residual.ts";
import { resolveVllmSettings, type VllmSettings } from "./vllm/settings.ts";
import { newestVllm, type VllmProfile, vllmProfile } from "./vllm/versions.ts";

interface Start {
  readonly request: PlanRequest;
  readonly model: ModelFacts;
  readonly profile: VllmProfile;
  readonly settings: VllmSettings;
  readonly layout: RankLayout;
  readonly pool: VllmPool;
}

interface Budget {
  readonly requested: Quantity;
  /** Free before the engine loads anything, its own context taken off. */
  readonly free: Quantity;
  readonly weights: Quantity;
  readonly persistent: Quantity;
  readonly activations: Quantity;
  readonly graphs: Quantity;
  /** Available KV bytes of each pipeline stage. */
  readonly available: readonly Quantity[];
}

/** Context and libraries of one process, outside every budget: 0.5–0.7 GiB on hosts that were measured. */
const contextBytes = estimated(
  0.38 * gib,
  0.48 * gib,
  0.75 * gib,
  "CUDA context, measured as total − free on idle hosts",
);

function modelOf(request: PlanRequest, settings: VllmSettings): ModelFacts {
  const { model } = request;
  const named = settings.flags.text("quantization");
  const dtype = settings.flags.text("dtype");
  const quantisation = model.quantisation ?? (named === null ? null : quantisationNamed(named));
  const half = dtype === "half" ? "float16" : dtype === "float" ? "float32" : dtype;
  const isDtype = half === "float16" || half === "float32" || half === "bfloat16";
  const isChanged = quantisation !== model.quantisation || (isDtype && half !== model.dtype);
  return isChanged ? { ...model, quantisation, dtype: isDtype ? half : model.dtype } : model;
}

function startOf(request: PlanRequest): Start {
  const profile = vllmProfile(request.version ?? newestVllm, request.device.computeCapability);
  const settings = resolveVllmSettings(request, profile);
  const model = modelOf(request, settings);
  const ranks = settings.tensorParallel * settings.dataParallel;
  const layout = {
    tensorParallel: settings.tensorParallel,
    pipelineParallel: settings.pipelineParallel,
    expertParallel: settings.isExpertParallel ? ranks : 1,
  };
  assertDivides(model, layout);
  return {
    request,
    model,
    profile,
    settings,
    layout,
    pool: describePool(model, request.device, settings, profile),
  };
}

/** gpt-oss experts are padded to Marlin tiles; Triton on Hopper pads only the data, XPU kernels nothing. */
function expertPadding({ request, profile }: Start): ExpertPadding {
  const { device } = request;
  if (device.vendor !== "nvidia") return "none";
  const usesTriton = device.computeCapability === 9 && profile.hasHopperKernels;
  return usesTriton ? "triton" : "marlin";
}

function stageWeights(start: Start, stage: number): Quantity {
  const { known } = start.request;
  if (known?.weights !== undefined) return known.weights;
  const counted = rankWeights(start.model, start.layout, stage, expertPadding(start));
  const weights = withStoredBytes(counted, start.model, start.request.storedWeightsBytes);
  const offloaded = Math.min(start.settings.cpuOffloadBytes, weights.expectedBytes);
  const parts = [weights, loraSlots(start.model, start.settings)];
  return offloaded === 0
    ? sum(parts, weights.evidence.why)
    : minus(sum(parts, "weights"), [exact(offloaded, "--cpu-offload-gb")], "weights on the device");
}

function budgetOf(start: Start): Budget {
  const { request, settings, profile, model } = start;
  const { device, known } = request;
  const requested = mapQuantity(
    device.total,
    (total) => Math.ceil(total * settings.utilization.value),
    "share of the total",
  );
  const used = exact(request.usedBytes, "held by others");
  const free = minus(device.total, [contextBytes, used], "free before loading");
  const persistent = known?.persistent ?? persistentBuffers(device, settings, profile);
  const activations = known?.activations ?? peakActivations(model, device, settings, profile);
  const graphs = known?.graphs ?? chargedGraphs(model, settings, profile);
  const stages = Array.from({ length: settings.pipelineParallel }, (_, stage) => stageWeights(start, stage));
  const available = stages.map((weights) => {
    if (settings.kvBytesStated !== null) return exact(settings.kvBytesStated, "--kv-cache-memory-bytes");
    return (
      known?.availableKv ??
      minus(requested, [weights, persistent, activations, graphs], "what the budget leaves")
    );
  });
  const heaviest = stages.reduce((most, stage) => (stage.expectedBytes > most.expectedBytes ? stage : most));
  return { requested, free, weights: heaviest, persistent, activations, graphs, available };
}

/** The verdict at one end of the bytes. */
type Ending =
  | { readonly kind: "fits"; readonly outcome: PoolOutcome & { readonly kind: "fits" } }
  | { readonly kind: "refused" | "dies"; readonly reason: string; readonly message: string };

function endingAt(start: Start, budget: Budget, end: "lowBytes" | "expectedBytes" | "highBytes"): Ending {
  const opposite = end === "lowBytes" ? "highBytes" : end === "highBytes" ? "lowBytes" : end;
  const { settings, profile, pool } = start;
  const free = budget.free[end];
  const requested = budget.requested.expectedBytes;
  if (profile.checksFreeMemory && free < requested)
    return {
      kind: "refused",
      reason: "less memory is free at the start than the share asks for",
      message: freeMemoryMessage(
        free,
        start.request.device.total.expectedBytes,
        settings.utilization.value,
        requested,
      ),
    };
  if (budget.weights[opposite] > free)
    return {
      kind: "dies",
      reason: "the weights alone are larger than the free memory",
      message: "CUDA out of memory while loading the weights",
    };
  if (budget.weights[opposite] + budget.activations[opposite] > free)
    return {
      kind: "dies",
      reason: "weights and peak activations are larger than the free memory",
      message: "CUDA out of memory in the profile run",
    };
  const outcome = vllmPoolOutcome(
    pool,
    budget.available.map((quantity) => quantity[end]),
    settings,
    profile,
  );
  if (outcome.kind === "fits") return { kind: "fits", outcome };
  if (outcome.kind === "noMemory")
    return { kind: "refused", reason: "nothing is left for KV blocks", message: noMemoryMessage(profile) };
  if (outcome.kind === "noLength")
    return { kind: "refused", reason: "not even one token fits", message: noLengthMessage };
  const length = settings.maxModelLen.value;
  const numTokens = Math.max(0, Math.floor(outcome.checkBytes / pool.bytesPerToken / 16) * 16);
  const message =
    profile.runner === "v0"
      ? v0TooLongMessage(length, numTokens)
      : tooLongMessage(length, outcome.neededBytes, outcome.checkBytes, outcome.suggestedLength);
  return { kind: "refused", reason: `one request of ${length} tokens does not fit`, message };
}

/** The end of the range that disagrees must be as near as half the way to matter: else the expected value decides. */
function verdictOf(start: Start, budget: Budget): { readonly verdict: Verdict; readonly expected: Ending } {
  const expected = endingAt(start, budget, "expectedBytes");
  const halfway = (from: Quantity): Quantity => ({
    ...from,
    lowBytes: (from.expectedBytes + from.lowBytes) / 2,
    highBytes: (from.expectedBytes + from.highBytes) / 2,
  });
  const narrowed: Budget = {
    requested: halfway(budget.requested),
    free: halfway(budget.free),
    weights: halfway(budget.weights),
    persistent: halfway(budget.persistent),
    activations: halfway(budget.activations),
    graphs: halfway(budget.graphs),
    available: budget.available.map(halfway),
  };
  const worse = endingAt(start, narrowed, "lowBytes");
  const better = endingAt(start, narrowed, "highBytes");
  const agree = worse.kind === expected.kind && better.kind === expected.kind;
  const settled = agree || (expected.kind !== "fits" && better.kind !== "fits");
  const kind = settled ? expected.kind : "uncertain";
  const reason =
    expected.kind === "fits"
      ? settled
        ? "it starts and serves a request of full length"
        : "it starts if the engine measures what is expected; at the unlucky end of the estimate it does not"
      : expected.reason;
  return {
    verdict: {
      kind,
      reason,
      engineMessage: expected.kind === "fits" ? null : expected.message,
      suggestions: [],
    },
    expected,
  };
}

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

function kvPlan(start: Start, budget: Budget, expected: Ending): KvPlan {
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
  const captured = graphMemory(start.model, start.settings);
  const isCharged = budget.graphs.expectedBytes > 0;
  const graphs = isCharged ? budget.graphs : captured;
  const pool = kv.available.expectedBytes > 0 ? kv.available : exact(0, "no pool");
  return [
    { name: "context", label: "CUDA context", quantity: contextBytes, isBudgeted: false },
    { name: "weights", label: "weights", quantity: budget.weights, isBudgeted: true },
    { name: "persistent", label: "persistent buffers", quantity: budget.persistent, isBudgeted: true },
    { name: "activations", label: "peak activations", quantity: budget.activations, isBudgeted: true },
    { name: "graphs", label: "CUDA graphs", quantity: graphs, isBudgeted: isCharged },
    { name: "kvPool", label: "KV blocks", quantity: pool, isBudgeted: true },
  ];
}

function logOf(start: Start, budget: Budget, expected: Ending): string[] {
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
  };
}

function warningsOf(start: Start): string[] {
  const warnings: string[] = [];
  const { settings, model, profile } = start;
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

/** One plan without suggestions. */
function planStart(request: PlanRequest): Plan {
  const start = startOf(request);
  const budget = budgetOf(start);
  const { verdict, expected } = verdictOf(start, budget);
  const kv = kvPlan(start, budget, expected);
  const { settings, model } = start;
  const world = settings.tensorParallel * settings.pipelineParallel * settings.dataParallel;
  return {
    schema: "pagoda.plan/1",
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
    command: ["vllm", "serve", model.name, ...settings.flags.asCommand()],
    host: {
      memoryBytes:
        4 * gib +
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

export const vllmRules: EngineRules = {
  id: "vllm",
  newestVersion: newestVllm,
  plan: (request) => deepFreeze(withSuggestions(request, planStart(request), planStart, vllmCandidates)),
};
