/**
 * @module LMDeploy's PyTorch engine: a share of what is free after recurrent states and an estimate of the runtime.
 *
 *   runtime = (max_prefill + 2 · max_batches) · vocabulary · 2         (up to 0.9: max_prefill · vocabulary · 7)
 *   blocks  = trunc((free − state − runtime) · r) ÷ block;   below 16 the prefill budget is halved and tried again
 *
 * Source: lmdeploy-memory.md §0, §1.4, §2.7.
 */
import { formatBytes } from "../../../../core/byte-size.ts";
import type { Plan, PlanComponent, PlanRequest, Verdict } from "../../../plan/plan.ts";
import { exact, mapQuantity, minus, type Quantity } from "../../../quantity/quantity.ts";
import { pytorchBlockBytes, recurrentStateBytes } from "./kv-block.ts";
import { type LmdeployFinding, type LmdeployStart, type PoolCounts, planOf } from "./start.ts";
import { pytorchActivations, pytorchRuntimeBytes } from "./working-memory.ts";

export type PytorchPool =
  | {
      readonly kind: "fits";
      readonly numBlocks: number;
      readonly maxPrefillTokens: number;
      readonly runtimeBytes: number;
    }
  | {
      readonly kind: "refused";
      readonly message: string;
      readonly numBlocks: number;
      readonly runtimeBytes: number;
    };

/**
 * Blocks of the pool after the halving loop.
 * @param runtime bytes set aside for a prefill budget.
 */
export function pytorchPool(
  freeBytes: number,
  stateBytes: number,
  share: number,
  blockBytes: number,
  maxPrefillTokens: number,
  runtime: (maxPrefill: number) => number,
): PytorchPool {
  let runtimeBytes = runtime(maxPrefillTokens);
  for (let prefill = maxPrefillTokens; prefill > 0; prefill >>= 1) {
    runtimeBytes = runtime(prefill);
    const numBlocks = Math.floor(Math.trunc((freeBytes - stateBytes - runtimeBytes) * share) / blockBytes);
    if (numBlocks <= 2)
      return {
        kind: "refused",
        message: "RuntimeError: No enough gpu memory for kv cache.",
        numBlocks: Math.max(0, numBlocks),
        runtimeBytes,
      };
    if (numBlocks >= 16) return { kind: "fits", numBlocks, maxPrefillTokens: prefill, runtimeBytes };
  }
  return {
    kind: "refused",
    message: "RuntimeError: No enough gpu memory for runtime.",
    numBlocks: 0,
    runtimeBytes,
  };
}

function verdictOf(start: LmdeployStart, pool: PytorchPool, slack: Quantity, stateBytes: number): Verdict {
  const none = { failure: null, engineMessage: null, suggestions: [] };
  if (start.free.expectedBytes <= 0)
    return {
      ...none,
      kind: "dies",
      failure: "weights",
      reason: "the weights do not fit on the card",
      engineMessage: "CUDA out of memory",
    };
  if (stateBytes >= start.free.expectedBytes)
    return {
      ...none,
      kind: "refused",
      failure: "stateCache",
      reason: "the recurrent states do not fit",
      engineMessage: "AssertionError: No enough gpu memory for state cache. Please reduce max_batch_size.",
    };
  if (pool.kind === "refused")
    return {
      ...none,
      kind: "refused",
      failure: "runtimeReserve",
      reason: `after setting ${formatBytes(pool.runtimeBytes)} aside for the runtime, ${pool.numBlocks} blocks are left`,
      engineMessage: pool.message,
    };
  if (slack.highBytes < 0)
    return {
      ...none,
      kind: "dies",
      failure: "activations",
      reason: "the activations are larger than what is set aside",
    };
  if (slack.expectedBytes < 0)
    return {
      ...none,
      kind: "uncertain",
      failure: "activations",
      reason: "the activations are about as large as what is set aside",
    };
  return { ...none, kind: "fits", reason: "it starts; what is set aside holds the activations" };
}

function componentsOf(states: Quantity, region: Quantity, activations: Quantity): PlanComponent[] {
  const pool: readonly PlanComponent[] = [
    { name: "kvPool", label: "KV blocks", quantity: region, isBudgeted: true },
    { name: "activations", label: "peak activations and graphs", quantity: activations, isBudgeted: false },
  ];
  if (states.expectedBytes === 0) return [...pool];
  return [{ name: "state", label: "recurrent states", quantity: states, isBudgeted: false }, ...pool];
}

function pytorchFinding(start: LmdeployStart): LmdeployFinding {
  const { settings, model, free } = start;
  const draftBytes =
    start.draft === null ? 0 : pytorchBlockBytes(start.draft.facts, { ...settings, tensorParallel: 1 });
  const blockBytes = pytorchBlockBytes(model, settings) + draftBytes;
  const slots = settings.maxBatchSize.value + 2;
  const stateBytes = recurrentStateBytes(model, settings.tensorParallel) * slots;
  const runtime = (prefill: number): number => pytorchRuntimeBytes(settings, model.vocabSize, prefill);
  const poolAt = (bytes: number): PytorchPool =>
    pytorchPool(
      Math.max(0, bytes),
      stateBytes,
      settings.share.value,
      blockBytes,
      settings.maxPrefillTokens.value,
      runtime,
    );
  const blocksAt = (bytes: number): number => settings.numBlocksStated ?? poolAt(bytes).numBlocks;
  const region = mapQuantity(free, (bytes) => blocksAt(bytes) * blockBytes, "blocks of the share");
  const countsAt = (end: "lowBytes" | "expectedBytes" | "highBytes"): PoolCounts => {
    const numBlocks = blocksAt(free[end]);
    const numTokens = Math.max(0, numBlocks - 1) * settings.blockSize.value;
    return {
      numBlocks,
      numTokens,
      maxSessionLen: Math.min(settings.sessionLen.value, Math.max(0, numTokens - settings.blockSize.value)),
    };
  };
  const activations = start.request.measured?.activations ?? pytorchActivations(model, settings);
  const rest = mapQuantity(
    free,
    (bytes) => bytes - stateBytes - blocksAt(bytes) * blockBytes,
    "what the pool leaves",
  );
  const slack = minus(rest, [activations], "what the pool and the activations leave");
  const pool = poolAt(free.expectedBytes);
  const halved = pool.kind === "fits" && pool.maxPrefillTokens < settings.maxPrefillTokens.value;
  return {
    ruleName: settings.minor < 10 ? "PyTorch engine up to 0.9" : "PyTorch engine from 0.10",
    region,
    bytesPerBlock: blockBytes,
    components: componentsOf(exact(stateBytes, `${slots} slots`), region, activations),
    countsAt,
    verdict: verdictOf(start, pool, slack, stateBytes),
    expectedLog: [
      `estimated max runtime memory: ${Math.trunc(pool.runtimeBytes / 2 ** 20)} mb`,
      `num_gpu_blocks=${countsAt("expectedBytes").numBlocks}`,
      ...(halved ? [`No enough memory. Update max_prefill_token_num=${pool.maxPrefillTokens}`] : []),
    ],
    warnings: halved ? [`The prefill budget is halved to ${pool.maxPrefillTokens} tokens.`] : [],
  };
}

export function planPytorch(start: LmdeployStart, _request: PlanRequest): Plan {
  return planOf(start, pytorchFinding(start));
}
