/** @module Percentiles of the last minutes in bounded memory: histograms with logarithmic buckets, one for each slot of time. */
import { latencyWindowSeconds, type Percentiles } from "../../../api/admin/observatory/index.ts";

const leastMs = 0.05;
/** Neighbouring bounds differ by 4 %, so a percentile is at most 2 % off. */
const growth = 1.04;
const logGrowth = Math.log(growth);
/** The last bucket begins at 0.05 · 1.04^429 ms, 1,017 s. */
const numBuckets = 430;
const slotMs = 15_000;
/** The slot being filled, and as many as 15 minutes need. */
const numSlots = 61;

/** A window of w seconds is the slots that began within it, so it may be shorter by one slot of 15 s. */
export class LatencyHistogram {
  /** [numSlots][numBuckets] counts */
  readonly #counts = new Uint32Array(numSlots * numBuckets);
  readonly #slotNumbers = new Float64Array(numSlots).fill(-1);
  /** By the slots of a window. */
  readonly #ended = new Map<number, { readonly newest: number; readonly sums: Float64Array }>();

  static get numBytes(): number {
    const slotBytes = numBuckets * Uint32Array.BYTES_PER_ELEMENT + Float64Array.BYTES_PER_ELEMENT;
    return numSlots * slotBytes + latencyWindowSeconds.length * numBuckets * Float64Array.BYTES_PER_ELEMENT;
  }

  observe(ms: number, nowMs: number): void {
    const slot = this.#slotFor(Math.floor(nowMs / slotMs));
    const at = slot * numBuckets + bucketOf(ms);
    this.#counts[at] = (this.#counts[at] as number) + 1;
  }

  /** null: nothing was observed in the last `seconds`. */
  percentiles(seconds: number, nowMs: number): Percentiles | null {
    const newest = Math.floor(nowMs / slotMs);
    const sums = this.#endedSlots(newest, Math.round((seconds * 1000) / slotMs)).slice();
    this.#addSlot(newest, sums);
    const count = sums.reduce((sum, n) => sum + n, 0);
    if (count === 0) return null;
    return {
      count,
      p50Ms: at(sums, 0.5 * count),
      p90Ms: at(sums, 0.9 * count),
      p99Ms: at(sums, 0.99 * count),
    };
  }

  /** Sums over the slots before `newest`, which change only when another slot begins. */
  #endedSlots(newest: number, numWanted: number): Float64Array {
    const known = this.#ended.get(numWanted);
    if (known?.newest === newest) return known.sums;
    const sums = known?.sums.fill(0) ?? new Float64Array(numBuckets);
    for (let number = newest - numWanted + 1; number < newest; number++) this.#addSlot(number, sums);
    this.#ended.set(numWanted, { newest, sums });
    return sums;
  }

  #addSlot(number: number, sums: Float64Array): void {
    const slot = number % numSlots;
    if (number < 0 || this.#slotNumbers[slot] !== number) return;
    for (let bucket = 0; bucket < numBuckets; bucket++)
      sums[bucket] = (sums[bucket] as number) + (this.#counts[slot * numBuckets + bucket] as number);
  }

  #slotFor(number: number): number {
    const slot = number % numSlots;
    if (this.#slotNumbers[slot] !== number) {
      this.#counts.fill(0, slot * numBuckets, (slot + 1) * numBuckets);
      this.#slotNumbers[slot] = number;
    }
    return slot;
  }
}

function bucketOf(ms: number): number {
  if (!(ms > leastMs)) return 0;
  return Math.min(numBuckets - 1, Math.ceil(Math.log(ms / leastMs) / logGrowth));
}

/** The middle (geometric) of the bucket in which the rank lies. */
function at(counts: Float64Array, rank: number): number {
  let below = 0;
  for (let bucket = 0; bucket < numBuckets; bucket++) {
    below += counts[bucket] as number;
    if (below >= rank) return bucket === 0 ? leastMs : leastMs * growth ** (bucket - 0.5);
  }
  return leastMs * growth ** numBuckets;
}
