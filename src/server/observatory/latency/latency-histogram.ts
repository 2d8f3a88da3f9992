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
const shares = [0.5, 0.9, 0.99];

/** All slots of a window but the one that is being filled. */
interface EndedSlots {
  newest: number;
  count: number;
  readonly sums: Float64Array;
}

/** A window of w seconds is the slots that began within it, so it may be shorter by one slot of 15 s. */
export class LatencyHistogram {
  /** [numSlots][numBuckets] counts */
  readonly #counts = new Uint32Array(numSlots * numBuckets);
  readonly #slotNumbers = new Float64Array(numSlots).fill(-1);
  readonly #slotCounts = new Uint32Array(numSlots);
  /** By the slots of a window. */
  readonly #ended = new Map<number, EndedSlots>();

  static get numBytes(): number {
    const slotBytes = (numBuckets + 1) * Uint32Array.BYTES_PER_ELEMENT + Float64Array.BYTES_PER_ELEMENT;
    return numSlots * slotBytes + latencyWindowSeconds.length * numBuckets * Float64Array.BYTES_PER_ELEMENT;
  }

  observe(ms: number, nowMs: number): void {
    const slot = this.#slotFor(Math.floor(nowMs / slotMs));
    const at = slot * numBuckets + bucketOf(ms);
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#slotCounts[slot] = (this.#slotCounts[slot] as number) + 1;
  }

  /** null: nothing was observed in the last `seconds`. */
  percentiles(seconds: number, nowMs: number): Percentiles | null {
    const newest = Math.floor(nowMs / slotMs);
    const ended = this.#endedSlots(newest, Math.round((seconds * 1000) / slotMs));
    const first = this.#firstOf(newest);
    const count = ended.count + (first === null ? 0 : (this.#slotCounts[newest % numSlots] as number));
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
    ended.count += this.#slotCounts[number % numSlots] as number;
    for (let bucket = 0; bucket < numBuckets; bucket++)
      ended.sums[bucket] = (ended.sums[bucket] as number) + (this.#counts[first + bucket] as number);
  }

  /** Where the counts of a slot begin; null: nothing was observed in it. */
  #firstOf(number: number): number | null {
    const slot = number % numSlots;
    return number < 0 || this.#slotNumbers[slot] !== number ? null : slot * numBuckets;
  }

  #slotFor(number: number): number {
    const slot = number % numSlots;
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
