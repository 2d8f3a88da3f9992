/** @module How LMDeploy decides its memory, and what it says: `lmdeploy-memory.md` §0, §1.2, §1.4, §1.5, §2.3, §6. */

const pageBytes = 32 * 2 ** 20;

/** §1.2: a 32-bit share of the bytes that are free after the weights. */
export function regionBytes(freeBytes: number, share: number): number {
  return Math.trunc(freeBytes * Math.fround(share));
}

const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

/** §1.2. */
export function budgetLine(freeBytes: number, share: number): string {
  return `[TM][INFO] Object cache budget: ${mb(regionBytes(freeBytes, share))} MB from free ${mb(freeBytes)} MB and ratio ${share.toFixed(3)}`;
}

export interface Slab {
  readonly slabBytes: number;
  readonly numObjects: number;
}

/** §2.3: the smallest power of two that objects fill to 95 %. */
export function slabOf(objectBytes: number): Slab {
  let slabBytes = pageBytes;
  while (slabBytes < objectBytes) slabBytes *= 2;
  const filled = (): number => Math.floor(slabBytes / objectBytes) * objectBytes;
  while (filled() / slabBytes < 0.95 && slabBytes < 2 ** 30) slabBytes *= 2;
  return { slabBytes, numObjects: Math.floor(slabBytes / objectBytes) };
}

/** §2.3. */
export function slabLine(objectBytes: number): string {
  const { slabBytes, numObjects } = slabOf(objectBytes);
  const ratio = ((numObjects * objectBytes) / slabBytes).toFixed(4);
  return `[TM][WARN] slab_size ${slabBytes}, object_size ${objectBytes}, object_count ${numObjects}, ratio ${ratio}`;
}

/** §0. */
export function turbomindBlocks(region: number, objectBytes: number): number {
  const { slabBytes, numObjects } = slabOf(objectBytes);
  return Math.floor(Math.floor(region / pageBytes) / (slabBytes / pageBytes)) * numObjects;
}

export interface PytorchPool {
  /** null: `No enough gpu memory for kv cache.` */
  readonly numBlocks: number | null;
  readonly runtimeBytes: number;
}

/** §1.4: the prefill budget is halved while fewer than 16 blocks remain. */
export function pytorchPool(
  freeBytes: number,
  share: number,
  blockBytes: number,
  vocabSize: number,
  { prefillTokens, maxBatch }: { readonly prefillTokens: number; readonly maxBatch: number },
): PytorchPool {
  for (let prefill = prefillTokens; prefill > 0; prefill = Math.floor(prefill / 2)) {
    const runtimeBytes = Math.trunc((prefill + 2 * maxBatch) * vocabSize * 2);
    const numBlocks = Math.floor(Math.trunc((freeBytes - runtimeBytes) * share) / blockBytes);
    if (numBlocks <= 2) return { numBlocks: null, runtimeBytes };
    if (numBlocks >= 16) return { numBlocks, runtimeBytes };
  }
  return { numBlocks: null, runtimeBytes: 0 };
}
