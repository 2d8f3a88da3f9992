/** @module What the three LMDeploy rules share: the free memory they start from, and the plan around their pools. */

import { ownershipWarnings } from "../../../device/device.ts";
import type { ModelFacts } from "../../../model/facts.ts";
import { quantizationNamed } from "../../../model/parse-quantization.ts";
import { assertDivides, countParameters } from "../../../model/weights/rank-tensors.ts";
import { rankWeights, withStoredBytes } from "../../../model/weights/rank-weights.ts";
import { setting } from "../../../plan/flags.ts";
import type { KvPlan, Plan, PlanComponent, PlanRequest, Verdict } from "../../../plan/plan.ts";
import { gib } from "../../../quantity/bytes.ts";
import { exact, minus, type Quantity, sum } from "../../../quantity/quantity.ts";
import { type LmdeploySettings, newestLmdeploy, resolveLmdeploySettings } from "../settings/settings.ts";
import { adapterBytes, type LmdeployDraft, lmdeployDraft } from "./added-weights.ts";
import { contextQuantity, gemmWorkspace, lmdeployWeights } from "./working-memory.ts";

export interface LmdeployStart {
  readonly request: PlanRequest;
  readonly model: ModelFacts;
  readonly settings: LmdeploySettings;
  readonly weights: Quantity;
  /** The draft model of the PyTorch engine; null: none. */
  readonly draft: LmdeployDraft | null;
  /** Free after context, weights and workspace: what `cudaMemGetInfo` says then. */
  readonly free: Quantity;
}

/** The counts of one end of the interval. */
export interface PoolCounts {
  readonly numBlocks: number;
  readonly numTokens: number;
  readonly maxSessionLen: number;
}

/** What one rule found. */
export interface LmdeployFinding {
  readonly ruleName: string;
  readonly region: Quantity;
  readonly components: readonly PlanComponent[];
  readonly bytesPerBlock: number;
  readonly countsAt: (end: "lowBytes" | "expectedBytes" | "highBytes") => PoolCounts;
  readonly verdict: Verdict;
  readonly expectedLog: readonly string[];
  readonly warnings: readonly string[];
}

/** Weights of a rank with what adapters and drafting add to them. */
function weightsOf(
  request: PlanRequest,
  model: ModelFacts,
  settings: LmdeploySettings,
  draft: LmdeployDraft | null,
): Quantity {
  const counted = lmdeployWeights(model, settings, request.device.computeCapability);
  const own = withStoredBytes(counted, model, request.storedWeightsBytes);
  const added = [adapterBytes(model, settings), draft?.weights ?? null].filter((part) => part !== null);
  if (added.length === 0) return own;
  const parts = [own, ...added];
  return sum(parts, parts.map(({ evidence }) => evidence.why).join("; "));
}

export function lmdeployStart(request: PlanRequest): LmdeployStart {
  const settings = resolveLmdeploySettings(request);
  const format = settings.flags.text("model-format");
  const named = format === null || format === "hf" ? null : quantizationNamed(format);
  const isNamed = named !== null && request.model.quantization === null;
  const model: ModelFacts = isNamed ? { ...request.model, quantization: named } : request.model;
  assertDivides(model, {
    tensorParallel: settings.tensorParallel,
    expertParallel: settings.expertParallel,
    pipelineParallel: 1,
  });
  const draft = lmdeployDraft({ ...request, model }, settings);
  const weights = request.measured?.weights ?? weightsOf(request, model, settings, draft);
  const taken = [contextQuantity, weights, exact(request.usedBytes, "held by others")];
  if (settings.rule !== "pytorch") taken.push(gemmWorkspace);
  return {
    request,
    model,
    settings,
    weights,
    draft,
    free: request.measured?.free ?? minus(request.device.total, taken, "free after the weights"),
  };
}

/** Warnings every TurboMind rule gives (lmdeploy-memory.md §11). */
function commonWarnings({ settings, model, request: { device } }: LmdeployStart): string[] {
  const notCounted = settings.rule === "pytorch" ? ["role"] : ["speculative-algorithm", "adapters", "role"];
  const warnings = [
    ...ownershipWarnings(device),
    ...notCounted
      .filter((name) => settings.flags.has(name))
      .map((name) => `--${name} is passed on; what it moves in memory is not in this plan.`),
  ];
  const kvHeads = model.layers.map(({ mixer }) =>
    mixer.kind === "attention" ? mixer.numKvHeads : Number.POSITIVE_INFINITY,
  );
  if (settings.tensorParallel > Math.min(...kvHeads))
    warnings.push(
      `There are fewer KV heads than ranks (${settings.tensorParallel}): the KV cache of a rank shrinks no further.`,
    );
  if (settings.rule !== "pytorch" && settings.blockSize.value % 64 !== 0)
    warnings.push(
      "--cache-block-seq-len is no multiple of 64; kernels of 2026 load whole tiles of 64 tokens.",
    );
  return warnings;
}

function kvPlanOf(start: LmdeployStart, finding: LmdeployFinding): KvPlan {
  const { settings } = start;
  const low = finding.countsAt("lowBytes");
  const expected = finding.countsAt("expectedBytes");
  const high = finding.countsAt("highBytes");
  const length = Math.max(1, Math.min(settings.sessionLen.value, expected.maxSessionLen));
  return {
    available: finding.region,
    blockSize: settings.blockSize.value,
    bytesPerBlock: finding.bytesPerBlock,
    bytesPerToken: finding.bytesPerBlock / settings.blockSize.value,
    numBlocks: { low: low.numBlocks, expected: expected.numBlocks, high: high.numBlocks },
    numTokens: { low: low.numTokens, expected: expected.numTokens, high: high.numTokens },
    concurrency: {
      low: low.numTokens / length,
      expected: expected.numTokens / length,
      high: high.numTokens / length,
    },
    maxModelLen: length,
    numGroups: 1,
    dtype: settings.quantPolicy === 0 ? start.model.dtype : `quant policy ${settings.quantPolicy}`,
  };
}

function settingsTable(settings: LmdeploySettings): Plan["settings"] {
  return {
    "cache-max-entry-count": settings.share,
    "session-len": settings.sessionLen,
    "max-batch-size": settings.maxBatchSize,
    "max-prefill-token-num": settings.maxPrefillTokens,
    "cache-block-seq-len": settings.blockSize,
    "quant-policy": setting(settings.quantPolicy, settings.flags.has("quant-policy") ? "flag" : "default"),
    tp: setting(settings.tensorParallel, settings.flags.has("tp") ? "flag" : "default"),
    "enable-prefix-caching": setting(
      settings.cachesPrefixes,
      settings.flags.has("enable-prefix-caching") ? "flag" : "default",
    ),
  };
}

/** The plan around a rule's finding. */
export function planOf(start: LmdeployStart, finding: LmdeployFinding): Plan {
  const { request, settings, model, weights } = start;
  const { measured } = request;
  const diskBytes = rankWeights(
    model,
    { tensorParallel: 1, expertParallel: 1, pipelineParallel: 1 },
    0,
    "none",
  ).expectedBytes;
  return {
    schema: "pagoda.plan/2",
    engine: "lmdeploy",
    version: request.version ?? newestLmdeploy,
    rules: finding.ruleName,
    model: model.name,
    numParameters: countParameters(model),
    device: request.device.name,
    numDevices: settings.tensorParallel * settings.dataParallel,
    total: request.device.total,
    budgetBytes: null,
    settings: settingsTable(settings),
    components: [
      { name: "runtime", label: "CUDA context", quantity: contextQuantity, isBudgeted: false },
      { name: "weights", label: "weights", quantity: weights, isBudgeted: false },
      ...finding.components,
    ],
    kv: kvPlanOf(start, { ...finding, region: measured?.availableKv ?? finding.region }),
    verdict: finding.verdict,
    expectedLog: finding.expectedLog,
    command: [
      "lmdeploy",
      "serve",
      "api_server",
      request.modelArgument ?? model.name,
      ...settings.flags.asCommand(),
    ],
    host: {
      memoryBytes: 4 * gib,
      diskBytes,
      why: "a Python process and pinned token buffers; the checkpoint on disk",
    },
    assumed: model.assumed,
    warnings: [...commonWarnings(start), ...finding.warnings],
  };
}
