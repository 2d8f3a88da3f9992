/**
 * @module TurboMind 0.2.2 to 0.14: a share of what is free after the working buffers, divided by the block; or, from 1 up,
 * a number of blocks. A session longer than the pool is truncated. Source: lmdeploy-memory.md §0, §1.3.
 */
import { formatBytes, mib } from "../../../../core/byte-size.ts";
import { regionBytes } from "../../../kv/object-slabs.ts";
import type { Plan, PlanRequest, Verdict } from "../../../plan/plan.ts";
import { mapQuantity, minus, type Quantity } from "../../../quantity/quantity.ts";
import { recurrentStateBytes, turbomindBlockBytes } from "./kv-block.ts";
import { type LmdeployFinding, type LmdeployStart, type PoolCounts, planOf } from "./start.ts";
import { gemmWorkspace, persistentBuffers, turbomindActivations } from "./working-memory.ts";

/** Blocks of a flat pool: a share of the free bytes below 1, a count from 1 up. */
export function legacyBlocks(
  freeBytes: number,
  shareOrBlocks: number,
  blockBytes: number,
  stateBytes = 0,
): number {
  if (shareOrBlocks >= 1) return Math.trunc(shareOrBlocks);
  return Math.max(
    0,
    Math.floor((regionBytes(Math.max(0, freeBytes), shareOrBlocks) - stateBytes) / blockBytes),
  );
}

function verdictOf(
  start: LmdeployStart,
  left: Quantity,
  stateBytes: number,
  region: number,
  counts: PoolCounts,
): Verdict {
  const none = { failure: null, engineMessage: null, suggestions: [] };
  if (start.free.expectedBytes <= 0)
    return {
      ...none,
      kind: "dies",
      failure: "weights",
      reason: "the weights do not fit on the card",
      engineMessage: "CUDA runtime error: out of memory",
    };
  if (stateBytes > 0 && stateBytes >= region)
    return {
      ...none,
      kind: "dies",
      failure: "stateCache",
      reason: "the recurrent states take the whole cache budget",
      engineMessage: `[SeqMgr] Linear-state memory (${(stateBytes / mib).toFixed(2)} MB) >= cache budget (${(region / mib).toFixed(2)} MB). Please decrease max_batch_size to reduce total linear state size or increase cache_max_entry_count.`,
    };
  if (counts.numBlocks === 0)
    return {
      ...none,
      kind: "dies",
      failure: "noKvMemory",
      reason: "no block fits",
      engineMessage: "No enough blocks",
    };
  if (left.expectedBytes < 0)
    return {
      ...none,
      kind: left.highBytes > -left.expectedBytes ? "uncertain" : "dies",
      failure: "activations",
      reason: `the activations are ${formatBytes(-left.expectedBytes)} larger than what the pool leaves`,
      engineMessage: "CUDA runtime error: out of memory",
    };
  if (left.expectedBytes + left.lowBytes < 0)
    return {
      ...none,
      kind: "uncertain",
      failure: "activations",
      reason: "what the pool leaves is about as large as the activations",
    };
  return { ...none, kind: "fits", reason: "it starts; the rest holds the activations" };
}

function expectedLines(blockBytes: number, counts: PoolCounts, isTruncated: boolean): string[] {
  const truncation = `\`session_len\` truncated to ${counts.numTokens} due to limited KV cache memory`;
  return [
    `[BlockManager] block_size = ${(blockBytes / mib).toFixed(3)} MB`,
    `[BlockManager] max_block_count = ${counts.numBlocks}`,
    `max cached tokens: ${counts.numTokens}`,
    ...(isTruncated ? [truncation] : []),
  ];
}

function legacyFinding(start: LmdeployStart): LmdeployFinding {
  const { settings, model, request } = start;
  const mixers = model.layers.map(({ mixer }) => mixer);
  const ranks = settings.tensorParallel / settings.contextParallel;
  const blockBytes = turbomindBlockBytes(mixers, settings.quantPolicy, settings.blockSize.value, ranks);
  const stateBytes = recurrentStateBytes(model, ranks) * settings.maxBatchSize.value;
  const persistent = request.measured?.persistent ?? persistentBuffers(model, settings);
  const free = minus(start.free, [persistent], "free after the working buffers");
  const share = settings.share.value;
  const pool = mapQuantity(
    free,
    (bytes) => legacyBlocks(bytes, share, blockBytes, stateBytes) * blockBytes,
    "blocks of the share",
  );
  const countsAt = (end: "lowBytes" | "expectedBytes" | "highBytes"): PoolCounts => {
    const numBlocks = legacyBlocks(free[end], share, blockBytes, stateBytes);
    const numTokens = numBlocks * settings.blockSize.value * settings.contextParallel;
    return { numBlocks, numTokens, maxSessionLen: Math.min(settings.sessionLen.value, numTokens) };
  };
  const counts = countsAt("expectedBytes");
  const activations =
    request.measured?.activations ?? turbomindActivations(model, settings, settings.maxForwardTokens);
  const left = minus(
    mapQuantity(
      free,
      (bytes) => bytes - legacyBlocks(bytes, share, blockBytes, stateBytes) * blockBytes,
      "what the pool leaves",
    ),
    [activations],
    "what the pool and the activations leave",
  );
  const isTruncated = counts.numTokens < settings.sessionLen.value;
  return {
    ruleName: "TurboMind 0.2.2 to 0.14 (blocks)",
    region: pool,
    bytesPerBlock: blockBytes,
    components: [
      { name: "other", label: "GEMM workspace", quantity: gemmWorkspace, isBudgeted: false },
      { name: "persistent", label: "persistent buffers", quantity: persistent, isBudgeted: false },
      { name: "kvPool", label: "KV blocks", quantity: pool, isBudgeted: true },
      { name: "activations", label: "peak activations", quantity: activations, isBudgeted: false },
    ],
    countsAt,
    verdict: verdictOf(
      start,
      left,
      stateBytes,
      regionBytes(Math.max(0, free.expectedBytes), Math.min(share, 1)),
      counts,
    ),
    expectedLog: expectedLines(blockBytes, counts, isTruncated),
    warnings: isTruncated ? [`The session is truncated to ${counts.numTokens} tokens.`] : [],
  };
}

export function planLegacy(start: LmdeployStart, _request: PlanRequest): Plan {
  return planOf(start, legacyFinding(start));
}
