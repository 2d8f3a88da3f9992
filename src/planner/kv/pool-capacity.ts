/**
 * @module What a pool of blocks holds: blocks from bytes, requests from blocks, and the longest request that still fits.
 * Formulas: vllm-memory.md §3.5–3.8 (get_kv_cache_configs of vLLM 0.32).
 */

import { type LayerGroup, poolBlockBytes } from "./layer-groups.ts";
import { blocksPerRequest, type RequestLimits } from "./layer-spec.ts";

/** One worker: its groups and the bytes it may use. */
export interface WorkerPool {
  readonly groups: readonly LayerGroup[];
  readonly availableBytes: number;
}

export interface PoolRules {
  /** Block 0 is never handed out; since 0.28 the fit check knows. */
  readonly reservesNullBlock: boolean;
  readonly numBlocksOverride: number | null;
  /** `--max-model-len auto`: take the longest that fits. */
  readonly fitsLength: boolean;
}

export type PoolOutcome =
  | { readonly kind: "fits"; readonly maxModelLen: number; readonly pool: Pool }
  | { readonly kind: "noMemory"; readonly checkBytes: number }
  /** Fitting the length found none: not even one token. */
  | { readonly kind: "noLength"; readonly checkBytes: number }
  | {
      readonly kind: "tooLong";
      readonly maxModelLen: number;
      readonly neededBytes: number;
      readonly checkBytes: number;
      /** Longest request that fits; 0: none. */
      readonly suggestedLength: number;
    };

export interface Pool {
  readonly numBlocks: number;
  readonly blockBytes: number;
  readonly blocksPerRequest: number;
  /** Requests of full length that the pool holds, in vLLM's count (null block included). */
  readonly concurrency: number;
  readonly numTokens: number;
}

/** Blocks that one request of `limits.maxModelLen` tokens takes out of the shared pool. */
function requestBlocks(groups: readonly LayerGroup[], limits: RequestLimits): number {
  let total = 0;
  for (const { layers, isMixed } of groups) {
    // Layers of one spec hold alike; only a mixed group needs a look at each.
    const looked = isMixed ? layers : layers.slice(0, 1);
    total += looked.reduce((most, { spec }) => Math.max(most, blocksPerRequest(spec, limits)), 0);
  }
  return total;
}

/** Blocks of a request on one worker: a group without layers there still counts its table (its spec is kept). */
function neededBytes(worker: WorkerPool, all: readonly LayerGroup[], limits: RequestLimits): number {
  return poolBlockBytes(worker.groups) * requestBlocks(all, limits);
}

/** The largest length up to `limits.maxModelLen` whose need is within `bytes`; 0 where not even one token is. */
function longestFit(
  worker: WorkerPool,
  all: readonly LayerGroup[],
  limits: RequestLimits,
  bytes: number,
): number {
  const fits = (maxModelLen: number): boolean =>
    neededBytes(worker, all, { ...limits, maxModelLen }) <= bytes;
  if (!fits(1)) return 0;
  let low = 1;
  let high = limits.maxModelLen;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function poolOf(
  workers: readonly WorkerPool[],
  all: readonly LayerGroup[],
  limits: RequestLimits,
  rules: PoolRules,
): Pool {
  const blockBytes = Math.max(...workers.map((worker) => poolBlockBytes(worker.groups)));
  const numBlocks =
    rules.numBlocksOverride ??
    Math.min(
      ...workers.map(({ groups, availableBytes }) =>
        Math.max(0, Math.floor(availableBytes / poolBlockBytes(groups))),
      ),
    );
  const perRequest = requestBlocks(all, limits);
  const concurrency = numBlocks / perRequest;
  return {
    numBlocks,
    blockBytes,
    blocksPerRequest: perRequest,
    concurrency,
    numTokens: Math.trunc(concurrency * limits.maxModelLen),
  };
}

/**
 * Decides whether the workers' pools serve one request of full length, and what they hold.
 * @param all the groups of the whole model; with pipeline stages each worker has its share of them.
 */
export function poolOutcome(
  workers: readonly WorkerPool[],
  all: readonly LayerGroup[],
  limits: RequestLimits,
  rules: PoolRules,
): PoolOutcome {
  const planned = workers.map((worker) =>
    rules.numBlocksOverride === null
      ? worker
      : { ...worker, availableBytes: rules.numBlocksOverride * poolBlockBytes(worker.groups) },
  );
  const checked = planned.map((worker) => ({
    worker,
    bytes: worker.availableBytes - (rules.reservesNullBlock ? poolBlockBytes(worker.groups) : 0),
  }));
  let { maxModelLen } = limits;
  if (rules.fitsLength)
    maxModelLen = Math.min(
      maxModelLen,
      ...checked.map(({ worker, bytes }) => longestFit(worker, all, limits, bytes)),
    );
  const [tightest] = checked;
  if (maxModelLen === 0) return { kind: "noLength", checkBytes: tightest?.bytes ?? 0 };
  for (const { worker, bytes } of checked) {
    if (bytes <= 0) return { kind: "noMemory", checkBytes: bytes };
    const needed = neededBytes(worker, all, { ...limits, maxModelLen });
    if (needed > bytes)
      return {
        kind: "tooLong",
        maxModelLen,
        neededBytes: needed,
        checkBytes: bytes,
        suggestedLength: longestFit(worker, all, { ...limits, maxModelLen }, bytes),
      };
  }
  return { kind: "fits", maxModelLen, pool: poolOf(planned, all, { ...limits, maxModelLen }, rules) };
}
