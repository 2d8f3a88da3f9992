/** @module The pool of KV blocks: reference counts, a prefix cache and copy-on-write. */
import { invariant } from "../../core/errors.ts";
import { blocksOfLength } from "../../core/kv-layout.ts";
import { BlockList } from "./block-list.ts";
import type { BlockTable } from "./block-table.ts";
import { PrefixCache, rootBlock } from "./prefix-cache.ts";
import { SaltedRoots } from "./salted-roots.ts";

export interface BlockManagerOptions {
  readonly numBlocks: number;
  readonly blockSize: number;
  readonly prefixCaching: boolean;
}

/** How much of a text the prefix cache holds. */
export interface PrefixMatch {
  numBlocks: number;
  /** How many of these no table references: taking them leaves fewer blocks available. */
  numEvictable: number;
}

/**
 * A block is in one of four states, and numFree + numCached + numReferenced + numWithheld = numTotal at all times:
 *
 *   free        on the stack: content worthless                               ─ taken first
 *   cached      in the prefix cache, referenced by no table: on the eviction list ─ taken oldest first
 *   referenced  in one or more tables (and perhaps in the prefix cache too)
 *   withheld    kept out of use, so that the pool is smaller than what was allocated
 *
 * Blocks are released from the tail of a sequence, so a prefix outlives its continuation. Every operation is O(1) per
 * block and allocates nothing.
 */
export class BlockManager {
  readonly blockSize: number;
  readonly numTotal: number;
  readonly #references: Int32Array;
  readonly #freeStack: Int32Array;
  #numFree: number;
  readonly #withheldStack: Int32Array;
  #numWithheld = 0;
  #limit: number;
  readonly #evictable: BlockList;
  readonly #cache: PrefixCache;
  #cachesPrefixes: boolean;
  readonly #roots = new SaltedRoots();
  readonly #match: PrefixMatch = { numBlocks: 0, numEvictable: 0 };

  constructor(options: BlockManagerOptions) {
    this.blockSize = options.blockSize;
    this.numTotal = options.numBlocks;
    this.#references = new Int32Array(options.numBlocks);
    // Popped from the end: block 0 goes first.
    this.#freeStack = Int32Array.from({ length: options.numBlocks }, (_, i) => options.numBlocks - 1 - i);
    this.#numFree = options.numBlocks;
    this.#withheldStack = new Int32Array(options.numBlocks);
    this.#limit = options.numBlocks;
    this.#evictable = new BlockList(options.numBlocks);
    this.#cache = new PrefixCache(options.numBlocks, options.blockSize);
    this.#cachesPrefixes = options.prefixCaching;
  }

  get numFree(): number {
    return this.#numFree;
  }

  get numCached(): number {
    return this.#evictable.numBlocks;
  }

  get numReferenced(): number {
    return this.numTotal - this.#numFree - this.#evictable.numBlocks - this.#numWithheld;
  }

  /** Blocks that can be taken now, cached ones included. */
  get numAvailable(): number {
    return this.#numFree + this.#evictable.numBlocks;
  }

  get numWithheld(): number {
    return this.#numWithheld;
  }

  /** Blocks that may be in use: numTotal unless `limitTo` said less. */
  get limit(): number {
    return this.#limit;
  }

  get cachesPrefixes(): boolean {
    return this.#cachesPrefixes;
  }

  /** Turned off, nothing more is looked up or published, and cached blocks leave as their last table lets go of them. */
  setPrefixCaching(cachesPrefixes: boolean): void {
    this.#cachesPrefixes = cachesPrefixes;
    if (!cachesPrefixes) this.dropCached();
  }

  /**
   * From now on at most `numBlocks` blocks are in use. Free blocks are withheld first, then cached ones are evicted, oldest
   * first; referenced ones stay until their tables let go of them, and are withheld by the next `settle`.
   */
  limitTo(numBlocks: number): void {
    this.#limit = numBlocks;
    this.settle();
  }

  /** Withholds what is free or cached above the limit, or gives back what is withheld below it. */
  settle(): void {
    const numWanted = this.numTotal - this.#limit;
    while (this.#numWithheld > numWanted) this.#pushFree(this.#withheldStack[--this.#numWithheld] as number);
    while (this.#numWithheld < numWanted && this.numAvailable > 0)
      this.#withheldStack[this.#numWithheld++] =
        this.#numFree > 0 ? (this.#freeStack[--this.#numFree] as number) : this.#evict();
  }

  blocksFor(numTokens: number): number {
    return blocksOfLength(numTokens, this.blockSize);
  }

  /**
   * How much of tokens[0, maxTokens) is cached, in whole blocks. Takes nothing; the object returned is overwritten by
   * the next call.
   */
  match(tokens: Int32Array, maxTokens: number, salt: string | null = null): Readonly<PrefixMatch> {
    const match = this.#match;
    match.numBlocks = 0;
    match.numEvictable = 0;
    let parentId = this.#roots.find(salt);
    if (parentId === null) return match;
    while ((match.numBlocks + 1) * this.blockSize <= maxTokens) {
      const blockId = this.#find(parentId, tokens, match.numBlocks * this.blockSize);
      if (blockId === null) break;
      match.numBlocks++;
      if (this.#references[blockId] === 0) match.numEvictable++;
      parentId = blockId;
    }
    return match;
  }

  /** `table`, which must be empty, is of a text with this salt until it is released. */
  begin(table: BlockTable, salt: string | null): void {
    invariant(table.numBlocks === 0 && table.root === rootBlock, () => "only an empty table gets a salt");
    table.root = this.#roots.enter(salt);
  }

  /** Salts that tables and cached blocks have. */
  get numSalts(): number {
    return this.#roots.numSalts;
  }

  /**
   * Appends to `table`, whose entries must all be published, the cached blocks that continue tokens[0, maxTokens).
   * Returns how many were appended.
   */
  attachCached(table: BlockTable, tokens: Int32Array, maxTokens: number): number {
    const before = table.numBlocks;
    invariant(table.numPublished === before, () => "only a published table continues in the cache");
    while ((table.numBlocks + 1) * this.blockSize <= maxTokens) {
      const blockId = this.#findNext(table, table.numBlocks, tokens);
      if (blockId === null) break;
      this.#acquire(blockId);
      table.append(blockId);
      table.numPublished++;
    }
    return table.numBlocks - before;
  }

  /**
   * Makes positions [firstPosition, numTokens) of `table` writable: appends blocks, and replaces a shared block among
   * them by a copy of its own, adding [from, to] to `copies` for the backend. Returns false, and changes nothing,
   * if too few blocks are available.
   */
  reserve(table: BlockTable, firstPosition: number, numTokens: number, copies: number[]): boolean {
    const numNew = Math.max(0, this.blocksFor(numTokens) - table.numBlocks);
    const firstIndex = Math.floor(firstPosition / this.blockSize);
    const sharesFirst = firstIndex < table.numBlocks && this.#isShared(table.at(firstIndex));
    if (numNew + (sharesFirst ? 1 : 0) > this.numAvailable) return false;
    if (sharesFirst) this.#replaceByCopy(table, firstIndex, copies);
    for (let i = 0; i < numNew; i++) table.append(this.#take());
    return true;
  }

  /** `to`, which must be empty, shares every block of `from`. */
  share(from: BlockTable, to: BlockTable): void {
    invariant(to.numBlocks === 0, () => "only an empty table can take over blocks");
    this.#roots.use(from.root);
    to.root = from.root;
    for (let i = 0; i < from.numBlocks; i++) {
      this.#acquire(from.at(i));
      to.append(from.at(i));
    }
    to.numPublished = from.numPublished;
  }

  /**
   * Hands the full blocks of tokens[0, numComputed) to the prefix cache, the table keeping its references. If the
   * cache has the same text already (two requests computed it at once), the table takes the cache's block and its own
   * is freed: their contents are equal bit by bit.
   */
  publish(table: BlockTable, tokens: Int32Array, numComputed: number): void {
    if (!this.#cachesPrefixes) return;
    while ((table.numPublished + 1) * this.blockSize <= numComputed) {
      const index = table.numPublished;
      const ownId = table.at(index);
      const cachedId = this.#findNext(table, index, tokens);
      if (cachedId === null) {
        this.#cache.insert(ownId, this.#parentIn(table, index), tokens, index * this.blockSize);
        if (index === 0) this.#roots.use(table.root);
      } else if (cachedId !== ownId) {
        this.#acquire(cachedId);
        this.#letGo(ownId);
        table.blockIds[index] = cachedId;
      }
      table.numPublished++;
    }
  }

  /** Drops every reference of `table`, last block first, and empties it. */
  release(table: BlockTable): void {
    for (let i = table.numBlocks - 1; i >= 0; i--) this.#letGo(table.at(i));
    this.#roots.leave(table.root);
    table.root = rootBlock;
    table.clear();
  }

  /** Evicts every cached block that no table references; returns how many those were. */
  dropCached(): number {
    const numDropped = this.#evictable.numBlocks;
    for (let id = this.#evictable.takeOldest(); id !== null; id = this.#evictable.takeOldest()) {
      this.#removeCached(id);
      this.#pushFree(id);
    }
    return numDropped;
  }

  references(blockId: number): number {
    return this.#references[blockId] as number;
  }

  /** Cached blocks in the order in which they would be evicted. */
  evictionOrder(): number[] {
    return [...this.#evictable];
  }

  /** Checks every count against `tables`, which must be all that hold blocks. For tests: O(numTotal). */
  audit(tables: Iterable<BlockTable>): void {
    const expected = new Int32Array(this.numTotal);
    for (const table of tables)
      for (let i = 0; i < table.numBlocks; i++) expected[table.at(i)] = (expected[table.at(i)] as number) + 1;
    const state = new Uint8Array(this.numTotal);
    for (let i = 0; i < this.#numFree; i++) this.#auditOnce(state, this.#freeStack[i] as number);
    for (let i = 0; i < this.#numWithheld; i++) this.#auditOnce(state, this.#withheldStack[i] as number);
    for (const blockId of this.#evictable) {
      this.#auditOnce(state, blockId);
      invariant(this.#cache.has(blockId), () => `evictable block ${blockId} is not in the cache`);
    }
    for (let blockId = 0; blockId < this.numTotal; blockId++) {
      const held = this.#references[blockId] as number;
      invariant(
        held === expected[blockId],
        () => `block ${blockId}: ${held} references, ${expected[blockId]} held`,
      );
      invariant(held > 0 !== (state[blockId] === 1), () => `block ${blockId} is in no state or in two`);
      const parentId = this.#cache.has(blockId) ? this.#cache.parentOf(blockId) : rootBlock;
      invariant(parentId < 0 || this.#cache.has(parentId), () => `block ${blockId} lost its parent`);
    }
  }

  #auditOnce(state: Uint8Array, blockId: number): void {
    invariant(state[blockId] === 0, () => `block ${blockId} is listed twice`);
    state[blockId] = 1;
  }

  #parentIn(table: BlockTable, index: number): number {
    return index === 0 ? table.root : table.at(index - 1);
  }

  #findNext(table: BlockTable, index: number, tokens: Int32Array): number | null {
    return this.#find(this.#parentIn(table, index), tokens, index * this.blockSize);
  }

  #find(parentId: number, tokens: Int32Array, at: number): number | null {
    return this.#cachesPrefixes ? this.#cache.find(parentId, tokens, at) : null;
  }

  /** A block that other tables hold, or that the cache hands out, must not be written. */
  #isShared(blockId: number): boolean {
    return this.references(blockId) > 1 || this.#cache.has(blockId);
  }

  #replaceByCopy(table: BlockTable, index: number, copies: number[]): void {
    const fromId = table.at(index);
    const toId = this.#take();
    copies.push(fromId, toId);
    table.blockIds[index] = toId;
    this.#letGo(fromId);
    table.numPublished = Math.min(table.numPublished, index);
  }

  #acquire(blockId: number): void {
    const held = this.#references[blockId] as number;
    if (held === 0) this.#evictable.remove(blockId);
    this.#references[blockId] = held + 1;
  }

  #letGo(blockId: number): void {
    const held = (this.#references[blockId] as number) - 1;
    invariant(held >= 0, () => `block ${blockId} was released once too often`);
    this.#references[blockId] = held;
    if (held > 0) return;
    const isCached = this.#cache.has(blockId);
    if (isCached && this.#cachesPrefixes) {
      this.#evictable.append(blockId);
      return;
    }
    if (isCached) this.#removeCached(blockId);
    this.#pushFree(blockId);
  }

  #pushFree(blockId: number): void {
    this.#freeStack[this.#numFree++] = blockId;
  }

  #take(): number {
    const blockId = this.#numFree > 0 ? (this.#freeStack[--this.#numFree] as number) : this.#evict();
    this.#references[blockId] = 1;
    return blockId;
  }

  #removeCached(blockId: number): void {
    const parentId = this.#cache.parentOf(blockId);
    this.#cache.remove(blockId);
    if (parentId < 0) this.#roots.leave(parentId);
  }

  #evict(): number {
    const blockId = this.#evictable.takeOldest();
    invariant(blockId !== null, () => "a block was taken from an empty pool");
    this.#removeCached(blockId);
    return blockId;
  }
}
