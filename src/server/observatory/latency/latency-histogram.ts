/** @module Percentiles of the last minutes in bounded memory: histograms with logarithmic buckets, one for each slot of time. */
import type { Percentiles } from "../../../api/admin/observatory/index.ts";

const leastMs = 0.05;
/** Neighbouring bounds differ by 4 %, so a percentile is at most 2 % off. */
const growth = 1.04;
const logGrowth = Math.log(growth);
/** The last bucket begins at 0.05 · 1.04^429 ms, 1,017 s. */
const numBuckets = 430;
/** Slots of time in which observations are counted. */
export interface SlotShape {
  readonly slotMs: number;
  readonly numSlots: number;
}

/** The slot being filled, and as many as 15 minutes need. */
export const minuteSlots: SlotShape = { slotMs: 15_000, numSlots: 61 };
/** For `recentLatency`: the slot being filled, and as long as gaps between tokens usually take to be reported. */
export const recentSlots: SlotShape = { slotMs: 5000, numSlots: 13 };
const shares = [0.5, 0.9, 0.99];

/** All slots of a window but the one that is being filled. */
interface EndedSlots {
  newest: number;
  count: number;
  readonly sums: Float64Array;
}

/** A window of w seconds is the slots that began within it, so it may be shorter by one slot. */
export class LatencyHistogram {
  readonly #slotMs: number;
  readonly #numSlots: number;
  /** [numSlots][numBuckets] counts */
  readonly #counts: Uint32Array;
  readonly #slotNumbers: Float64Array;
  readonly #slotCounts: Uint32Array;
  /** By the slots of a window. */
  readonly #ended = new Map<number, EndedSlots>();

  constructor({ slotMs, numSlots }: SlotShape = minuteSlots) {
    this.#slotMs = slotMs;
    this.#numSlots = numSlots;
    this.#counts = new Uint32Array(numSlots * numBuckets);
    this.#slotNumbers = new Float64Array(numSlots).fill(-1);
    this.#slotCounts = new Uint32Array(numSlots);
  }

  static numBytes({ numSlots }: SlotShape, numWindows: number): number {
    const slotBytes = (numBuckets + 1) * Uint32Array.BYTES_PER_ELEMENT + Float64Array.BYTES_PER_ELEMENT;
    return numSlots * slotBytes + numWindows * numBuckets * Float64Array.BYTES_PER_ELEMENT;
  }

  /** @param endedMs when the duration ended; one that is older than every slot is not counted */
  observe(ms: number, endedMs: number): void {
    const number = Math.floor(endedMs / this.#slotMs);
    const slot = this.#slotFor(number);
    if (slot === null) return;
    for (const [numWanted, { newest }] of this.#ended) if (number < newest) this.#ended.delete(numWanted);
    const at = slot * numBuckets + bucketOf(ms);
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#slotCounts[slot] = (this.#slotCounts[slot] as number) + 1;
  }

  /** null: nothing was observed in the last `seconds`. */
  percentiles(seconds: number, nowMs: number): Percentiles | null {
    const newest = Math.floor(nowMs / this.#slotMs);
    const ended = this.#endedSlots(newest, Math.round((seconds * 1000) / this.#slotMs));
    const first = this.#firstOf(newest);
    const count = ended.count + (first === null ? 0 : (this.#slotCounts[newest % this.#numSlots] as number));
    if (count === 0) return null;
    const found = [0, 0, 0];
    let below = 0;
    let next = 0;
    for (let bucket = 0; bucket < numBuckets && next < shares.length; bucket++) {
      below += ended.sums[bucket] as number;
      if (first !== null) below += this.#counts[first + bucket] as number;
      while (next < shares.length && below >= (shares[next] as number) * count)
        found[next++] = middleOf(bucket);
    }
    const [p50Ms = 0, p90Ms = 0, p99Ms = 0] = found;
    return { count, p50Ms, p90Ms, p99Ms };
  }

  /** Sums over the slots before `newest`, which change only when another slot begins. */
  #endedSlots(newest: number, numWanted: number): EndedSlots {
    let known = this.#ended.get(numWanted);
    if (known?.newest === newest) return known;
    known ??= { newest, count: 0, sums: new Float64Array(numBuckets) };
    known.newest = newest;
    known.count = 0;
    known.sums.fill(0);
    for (let number = newest - numWanted + 1; number < newest; number++) this.#addSlot(number, known);
    this.#ended.set(numWanted, known);
    return known;
  }

  #addSlot(number: number, ended: EndedSlots): void {
    const first = this.#firstOf(number);
    if (first === null) return;
    ended.count += this.#slotCounts[number % this.#numSlots] as number;
    for (let bucket = 0; bucket < numBuckets; bucket++)
      ended.sums[bucket] = (ended.sums[bucket] as number) + (this.#counts[first + bucket] as number);
  }

  /** Where the counts of a slot begin; null: nothing was observed in it. */
  #firstOf(number: number): number | null {
    const slot = number % this.#numSlots;
    return number < 0 || this.#slotNumbers[slot] !== number ? null : slot * numBuckets;
  }

  /** null: the place of that slot has a newer one. */
  #slotFor(number: number): number | null {
    const slot = number % this.#numSlots;
    if ((this.#slotNumbers[slot] as number) > number) return null;
    if (this.#slotNumbers[slot] !== number) {
      this.#counts.fill(0, slot * numBuckets, (slot + 1) * numBuckets);
      this.#slotCounts[slot] = 0;
      this.#slotNumbers[slot] = number;
    }
    return slot;
  }
}

function bucketOf(ms: number): number {
  if (!(ms > leastMs)) return 0;
  return Math.min(numBuckets - 1, Math.ceil(Math.log(ms / leastMs) / logGrowth));
}

/** Geometric. */
function middleOf(bucket: number): number {
  return bucket === 0 ? leastMs : leastMs * growth ** (bucket - 0.5);
}
