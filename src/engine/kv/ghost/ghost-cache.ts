/**
 * @module What a larger or smaller pool would have found: the last use of blocks that are in the pool, and of blocks that
 * have left it (ghosts). One pass over the requests gives the hit rate of every pool size (stack distances, Mattson 1970;
 * sampled by block as in SHARDS, FAST 2015).
 *
 * A block that nobody uses is still in a pool of n blocks if those that are in use and those that were let go of later leave
 * room for it. So the size it needs is known when it is looked up, and a histogram of these sizes is the curve.
 */
import type { PrefixCacheCurve } from "../../../core/observation/prefix-cache-curve.ts";
import { BlockList } from "../block-list.ts";
import { OrderCounts } from "./order-counts.ts";

const none = -1;
/** 44 bytes for each: half a MiB. */
const mostEntries = 12_288;
/** The curve ends at this many times the pool. */
const horizonPools = 4;
const numBins = 256;
/** Tokens after which what was seen before counts half. */
const tokensPerHalving = 2 ** 22;
const momentsPerEntry = 4;

/** Chained: the key of a block stands for the text from position 0 to its end. */
interface Chain {
  /** Blocks whose keys are known; keys are written into the cache's own arrays. */
  readonly numBlocks: number;
}

export class GhostCache {
  readonly #blockSize: number;
  readonly #sampledShare: number;
  /** Keys below this are followed. */
  readonly #threshold: number;
  readonly #binBlocks: number;
  readonly #buckets: Int32Array;
  readonly #nextInBucket: Int32Array;
  readonly #keys: Int32Array;
  readonly #checks: Int32Array;
  /** When it was let go of; none while somebody uses it. */
  readonly #moments: Int32Array;
  readonly #numUsers: Int32Array;
  readonly #unused: Int32Array;
  #numUnused: number;
  /** Entries that nobody uses, oldest first. */
  readonly #order: BlockList;
  readonly #counts: OrderCounts;
  #moment = 0;
  readonly #numMoments: number;
  /** Tokens by the pool size that would have had them. */
  readonly #hitTokens = new Float64Array(numBins);
  #queryTokens = 0;
  /** Blocks that could have been found, of all and of those that are followed. */
  #numLookedUp = 0;
  #numFollowedLookedUp = 0;
  #chainKeys = new Int32Array(64);
  #chainChecks = new Int32Array(64);

  /** `most`: entries at most; where a curve needs more blocks than these, a share of the blocks is followed. */
  constructor(numBlocks: number, blockSize: number, most = mostEntries) {
    const numFollowed = horizonPools * numBlocks;
    const numEntries = Math.min(most, numFollowed);
    this.#blockSize = blockSize;
    this.#sampledShare = numEntries / numFollowed;
    this.#threshold = Math.round(this.#sampledShare * 2 ** 24);
    this.#binBlocks = numFollowed / numBins;
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(2 * numEntries))).fill(none);
    this.#nextInBucket = new Int32Array(numEntries).fill(none);
    this.#keys = new Int32Array(numEntries);
    this.#checks = new Int32Array(numEntries);
    this.#moments = new Int32Array(numEntries).fill(none);
    this.#numUsers = new Int32Array(numEntries);
    this.#unused = Int32Array.from({ length: numEntries }, (_, i) => numEntries - 1 - i);
    this.#numUnused = numEntries;
    this.#order = new BlockList(numEntries);
    this.#numMoments = momentsPerEntry * numEntries;
    this.#counts = new OrderCounts(this.#numMoments);
  }

  /**
   * A sequence begins with tokens[0, numTokens), of which up to `maxCachedTokens` may come from the cache. From now on it
   * uses its full blocks, until `end`.
   *
   * @param numReferenced blocks that are in use now
   * @param isCounted false for a sequence that was looked up before
   */
  begin(
    tokens: Int32Array,
    numTokens: number,
    use: { readonly maxCachedTokens: number; readonly numReferenced: number; readonly isCounted: boolean },
  ): void {
    const chain = this.#chainOf(tokens, numTokens);
    if (use.isCounted) {
      this.#count(chain, Math.floor(use.maxCachedTokens / this.#blockSize), use.numReferenced);
      this.#countQuery(numTokens);
    }
    for (let i = 0; i < chain.numBlocks; i++) if (this.#isFollowed(i)) this.#use(i);
  }

  /**
   * A sequence that began with tokens[0, numBegun) lets go of its blocks; the full ones of tokens[0, numComputed) stay in
   * the cache, the first one longest.
   */
  end(tokens: Int32Array, numBegun: number, numComputed: number): void {
    const numBegunBlocks = Math.floor(numBegun / this.#blockSize);
    const numCachedBlocks = Math.floor(numComputed / this.#blockSize);
    const chain = this.#chainOf(tokens, Math.max(numBegun, numComputed));
    for (let i = chain.numBlocks - 1; i >= 0; i--)
      if (this.#isFollowed(i)) this.#letGo(i, i < numBegunBlocks, i < numCachedBlocks);
  }

  /** Forgets what is known of blocks; the curve stays. */
  forget(): void {
    for (let id = this.#order.takeOldest(); id !== null; id = this.#order.takeOldest()) {
      this.#counts.clear(this.#moments[id] as number);
      this.#remove(id);
    }
  }

  /**
   * Where few blocks are asked for very often, the share that is followed holds too many or too few of them. What it lacks
   * are blocks that every pool has, so they are added to the smallest (SHARDS-adj, as there).
   */
  curve(): PrefixCacheCurve {
    const points: { numBlocks: number; hitRate: number }[] = [];
    const numMissing = this.#numLookedUp - this.#numFollowedLookedUp / this.#sampledShare;
    let hitTokens = numMissing * this.#blockSize;
    for (let bin = 0; bin < numBins; bin++) {
      hitTokens += this.#hitTokens[bin] as number;
      const share = this.#queryTokens === 0 ? 0 : hitTokens / this.#queryTokens;
      const hitRate = Math.min(1, Math.max(0, share));
      points.push({ numBlocks: Math.round((bin + 1) * this.#binBlocks), hitRate });
    }
    return { points, numQueryTokens: this.#queryTokens, sampledShare: this.#sampledShare };
  }

  #countQuery(numTokens: number): void {
    this.#queryTokens += numTokens;
    if (this.#queryTokens < tokensPerHalving) return;
    this.#queryTokens /= 2;
    this.#numLookedUp /= 2;
    this.#numFollowedLookedUp /= 2;
    for (let bin = 0; bin < numBins; bin++) this.#hitTokens[bin] = (this.#hitTokens[bin] as number) / 2;
  }

  /** A chain is found up to its first block that is missing, so a block needs at least what those before it need. */
  #count(chain: Chain, numCacheable: number, numReferenced: number): void {
    const numBlocks = Math.min(chain.numBlocks, numCacheable);
    this.#numLookedUp += numBlocks;
    for (let i = 0; i < numBlocks; i++) if (this.#isFollowed(i)) this.#numFollowedLookedUp++;
    let numNeeded = 0;
    for (let i = 0; i < numBlocks; i++) {
      if (!this.#isFollowed(i)) continue;
      const id = this.#find(i);
      if (id === none) return;
      numNeeded = Math.max(numNeeded, this.#neededFor(id, i, numReferenced));
      const bin = Math.ceil(numNeeded / this.#binBlocks) - 1;
      if (bin >= numBins) return;
      const numTokens = this.#blockSize / this.#sampledShare;
      this.#hitTokens[Math.max(0, bin)] = (this.#hitTokens[Math.max(0, bin)] as number) + numTokens;
    }
  }

  #neededFor(id: number, index: number, numReferenced: number): number {
    const moment = this.#moments[id] as number;
    // Somebody uses it: any pool in which the two run together has it.
    if (moment === none) return index + 1;
    return numReferenced + this.#counts.numAfter(moment) / this.#sampledShare + 1;
  }

  #use(i: number): void {
    let id = this.#find(i);
    if (id === none) {
      id = this.#insert(i);
      if (id === none) return;
    } else this.#takeOut(id);
    this.#numUsers[id] = (this.#numUsers[id] as number) + 1;
  }

  #letGo(i: number, wasBegun: boolean, isCached: boolean): void {
    let id = this.#find(i);
    if (id === none) {
      if (!isCached) return;
      id = this.#insert(i);
      if (id === none) return;
    } else if (wasBegun && (this.#numUsers[id] as number) > 0)
      this.#numUsers[id] = (this.#numUsers[id] as number) - 1;
    if ((this.#numUsers[id] as number) > 0) return;
    this.#takeOut(id);
    if (isCached) this.#putLast(id);
    else this.#remove(id);
  }

  #takeOut(id: number): void {
    const moment = this.#moments[id] as number;
    if (moment === none) return;
    this.#counts.clear(moment);
    this.#order.remove(id);
    this.#moments[id] = none;
  }

  #putLast(id: number): void {
    if (this.#moment === this.#numMoments) this.#renumber();
    this.#moments[id] = this.#moment;
    this.#counts.mark(this.#moment);
    this.#order.append(id);
    this.#moment++;
  }

  #renumber(): void {
    this.#counts.clearAll();
    this.#moment = 0;
    for (const id of this.#order) {
      this.#moments[id] = this.#moment;
      this.#counts.mark(this.#moment);
      this.#moment++;
    }
  }

  #isFollowed(i: number): boolean {
    return (this.#chainKeys[i] as number) >>> 8 < this.#threshold;
  }

  #find(i: number): number {
    const [key, check] = [this.#chainKeys[i] as number, this.#chainChecks[i] as number];
    let id = this.#buckets[key & (this.#buckets.length - 1)] as number;
    while (id !== none && (this.#keys[id] !== key || this.#checks[id] !== check))
      id = this.#nextInBucket[id] as number;
    return id;
  }

  /** In place of the oldest entry where all are taken; none where all of them are in use. */
  #insert(i: number): number {
    if (this.#numUnused === 0) {
      const oldest = this.#order.takeOldest();
      if (oldest === null) return none;
      this.#counts.clear(this.#moments[oldest] as number);
      this.#remove(oldest);
    }
    const id = this.#unused[--this.#numUnused] as number;
    const key = this.#chainKeys[i] as number;
    const bucket = key & (this.#buckets.length - 1);
    this.#keys[id] = key;
    this.#checks[id] = this.#chainChecks[i] as number;
    this.#moments[id] = none;
    this.#numUsers[id] = 0;
    this.#nextInBucket[id] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = id;
    return id;
  }

  #remove(id: number): void {
    const bucket = (this.#keys[id] as number) & (this.#buckets.length - 1);
    const next = this.#nextInBucket[id] as number;
    let at = this.#buckets[bucket] as number;
    if (at === id) this.#buckets[bucket] = next;
    else {
      while (this.#nextInBucket[at] !== id) at = this.#nextInBucket[at] as number;
      this.#nextInBucket[at] = next;
    }
    this.#unused[this.#numUnused++] = id;
  }

  /** Writes the keys of the full blocks of tokens[0, numTokens). Two hashes of 32 bits tell blocks apart. */
  #chainOf(tokens: Int32Array, numTokens: number): Chain {
    const numBlocks = Math.floor(numTokens / this.#blockSize);
    if (numBlocks > this.#chainKeys.length) {
      this.#chainKeys = new Int32Array(2 * numBlocks);
      this.#chainChecks = new Int32Array(2 * numBlocks);
    }
    let [key, check] = [0x9e3779b1 | 0, 0x7f4a7c15 | 0];
    for (let i = 0; i < numBlocks; i++) {
      for (let t = i * this.#blockSize; t < (i + 1) * this.#blockSize; t++) {
        const token = tokens[t] as number;
        key = Math.imul(key ^ token, 0x85ebca6b);
        key ^= key >>> 15;
        check = Math.imul(check ^ token, 0xc2b2ae35);
        check ^= check >>> 13;
      }
      this.#chainKeys[i] = Math.imul(key, 0x27d4eb2f) ^ (key >>> 16);
      this.#chainChecks[i] = check;
    }
    return { numBlocks };
  }
}
