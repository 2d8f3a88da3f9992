/** @module The plan of an SGLang start. */
import { gib } from "../../../../core/byte-size.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import { ownershipWarnings } from "../../../device/device.ts";
import { quantizationNamed } from "../../../model/parse-quantization.ts";
import { assertDivides, countParameters } from "../../../model/weights/rank-tensors.ts";
import { setting } from "../../../plan/flags.ts";
import type { CountRange, Plan, PlanComponent, PlanRequest } from "../../../plan/plan.ts";
import { exact, type Quantity } from "../../../quantity/quantity.ts";
import { uncountedFlags } from "../settings/flag-table.ts";
import { resolveSglangSettings, type SglangSettings } from "../settings/settings.ts";
import { newestSglang, sglangProfile } from "../settings/versions.ts";
import { type Budget, budgetOf, runningRequests } from "./budget.ts";
import { sglangVerdict } from "./outcome.ts";
import { type SglangPool, sglangPool, type TokenBytes, tokenBytes } from "./pool.ts";

/** `--quantization` quantizes a checkpoint that is not quantized yet. */
function withQuantization(request: PlanRequest): PlanRequest {
  const { quantization: stated } = request.flags;
  if (typeof stated !== "string" || request.model.quantization !== null) return request;
  return { ...request, model: { ...request.model, quantization: quantizationNamed(stated) } };
}

/** @throws PagodaError `plan_invalid` for a value that SGLang refuses, and a split that does not divide. */
export function planSglang(stated: PlanRequest): Plan {
  const request = withQuantization(stated);
  const version = request.version ?? newestSglang;
  const profile = sglangProfile(version);
  const settings = resolveSglangSettings(request, profile);
  const { model, device } = request;
  assertDivides(model, {
    tensorParallel: settings.tensorParallel,
    pipelineParallel: settings.pipelineParallel,
    expertParallel: settings.expertParallel,
  });
  const budget = budgetOf(request, settings);
  const bytes = tokenBytes(model, settings);
  const pool = sglangPool(Math.max(0, budget.available.expectedBytes), bytes, settings);
  const verdict = sglangVerdict(budget, settings);
  return {
    schema: "pagoda.plan/2",
    engine: "sglang",
    version,
    rules: `SGLang ${profile.id}`,
    model: model.name,
    numParameters: countParameters(model),
    device: device.name,
    numDevices: settings.tensorParallel * settings.pipelineParallel,
    total: device.total,
    budgetBytes: budget.free.expectedBytes * settings.share.value,
    settings: settingsOf(settings, pool),
    components: componentsOf(budget, pool),
    kv: kvOf(budget, bytes, settings, pool),
    verdict,
    expectedLog: expectedLog(budget, pool, settings, verdict.engineMessage),
    command: [
      "python3",
      "-m",
      "sglang.launch_server",
      "--model-path",
      request.modelArgument ?? model.name,
      ...settings.flags.asCommand(),
    ],
    host: { memoryBytes: 4 * gib + settings.offloadedBytes, diskBytes: 0, why: "a Python process a rank" },
    assumed: model.assumed,
    warnings: warningsOf(request, settings, pool),
  };
}

function componentsOf(budget: Budget, pool: SglangPool): PlanComponent[] {
  const state =
    pool.stateBytes === 0
      ? []
      : [
          {
            name: "state" as const,
            label: "recurrent states",
            quantity: exact(pool.stateBytes, `${pool.numStates} requests`),
            isBudgeted: true,
          },
        ];
  return [
    { name: "runtime", label: "CUDA context", quantity: budget.context, isBudgeted: false },
    { name: "weights", label: "weights", quantity: budget.weights, isBudgeted: true },
    ...state,
    { name: "kvPool", label: "KV pool", quantity: poolQuantity(budget, pool), isBudgeted: true },
    { name: "persistent", label: "table of requests", quantity: budget.requestTable, isBudgeted: false },
    { name: "graphs", label: "CUDA graphs", quantity: budget.graphs, isBudgeted: false },
    {
      name: "activations",
      label: "activations while serving",
      quantity: budget.activations,
      isBudgeted: false,
    },
    ...(budget.communication.expectedBytes === 0
      ? []
      : [
          {
            name: "other" as const,
            label: "communication of the ranks",
            quantity: budget.communication,
            isBudgeted: false,
          },
        ]),
  ];
}

/** The pool with the interval of what is available. */
function poolQuantity({ available }: Budget, { kvBytes }: SglangPool): Quantity {
  const ratio = available.expectedBytes > 0 ? kvBytes / available.expectedBytes : 0;
  const scaled = (bytes: number): number => Math.max(0, bytes * ratio);
  return {
    ...available,
    lowBytes: scaled(available.lowBytes),
    expectedBytes: Math.max(0, kvBytes),
    highBytes: scaled(available.highBytes),
  };
}

function kvOf(budget: Budget, bytes: TokenBytes, settings: SglangSettings, pool: SglangPool): Plan["kv"] {
  const tokensAt = (available: number): number =>
    Math.max(0, sglangPool(Math.max(0, available), bytes, settings).numTokens);
  const { lowBytes, highBytes } = budget.available;
  const tokens: CountRange = {
    low: tokensAt(lowBytes),
    expected: Math.max(0, pool.numTokens),
    high: tokensAt(highBytes),
  };
  const page = settings.pageSize.value;
  const scaled = (by: number): CountRange => ({
    low: tokens.low / by,
    expected: tokens.expected / by,
    high: tokens.high / by,
  });
  const perToken = bytes.whole + (bytes.windowed > 0 ? settings.windowRatio * bytes.windowed : 0);
  const length = settings.contextLength.value;
  const longest = tokens.expected > 0 ? Math.min(length, tokens.expected) : length;
  return {
    available: poolQuantity(budget, pool),
    blockSize: page,
    bytesPerBlock: perToken * page,
    bytesPerToken: perToken,
    numBlocks: scaled(page),
    numTokens: tokens,
    concurrency: scaled(length),
    maxModelLen: longest,
    numGroups: bytes.windowed > 0 ? 2 : 1,
    dtype: settings.kvDtype,
  };
}

function settingsOf(
  settings: SglangSettings,
  { numTokens }: SglangPool,
): Readonly<Record<string, Resolved<string | number | boolean>>> {
  const { flags, maxTotalTokens } = settings;
  const requests = runningRequests(numTokens, settings);
  return {
    "mem-fraction-static": settings.share,
    "context-length": settings.contextLength,
    "max-running-requests": setting(requests, settings.maxRunningRequests === null ? "default" : "flag"),
    "chunked-prefill-size": settings.prefillTokens,
    "page-size": settings.pageSize,
    "kv-cache-dtype": setting(settings.kvDtype, flags.has("kv-cache-dtype") ? "flag" : "default"),
    "tensor-parallel-size": setting(
      settings.tensorParallel,
      flags.has("tensor-parallel-size") ? "flag" : "default",
    ),
    "cuda-graph-max-bs": settings.capturedBatch,
    "radix-cache": setting(settings.cachesPrefixes, flags.has("disable-radix-cache") ? "flag" : "default"),
    ...(maxTotalTokens === null ? {} : { "max-total-tokens": setting(maxTotalTokens, "flag") }),
  };
}

const inGb = (bytes: number): string => `${(bytes / gib).toFixed(2)} GB`;

function expectedLog(
  budget: Budget,
  pool: SglangPool,
  settings: SglangSettings,
  message: string | null,
): string[] {
  if (message !== null && pool.numTokens <= 0) return [message];
  const { free, weights } = budget;
  const left = free.expectedBytes - weights.expectedBytes;
  const requests = runningRequests(pool.numTokens, settings);
  return [
    `Load weight begin. avail mem=${inGb(free.expectedBytes)}`,
    `Load weight end. avail mem=${inGb(left)}, mem usage=${inGb(weights.expectedBytes)}.`,
    `KV Cache is allocated. #tokens: ${pool.numTokens}, KV size: ${inGb(pool.kvBytes)}`,
    `max_total_num_tokens=${pool.numTokens}, chunked_prefill_size=${settings.prefillTokens.value}, max_running_requests=${requests}, context_len=${settings.contextLength.value}`,
  ];
}

function warningsOf(request: PlanRequest, settings: SglangSettings, pool: SglangPool): string[] {
  const uncounted = Object.entries(uncountedFlags)
    .filter(([name]) => request.flags[name] !== undefined)
    .map(([, what]) => `The plan does not count ${what}.`);
  const length = settings.contextLength.value;
  const short =
    pool.numTokens > 0 && pool.numTokens < length
      ? [
          `The pool holds ${pool.numTokens} tokens: requests of up to ${length} are accepted by length and refused when they outgrow it.`,
        ]
      : [];
  return [...uncounted, ...short, ...ownershipWarnings(request.device)];
}
