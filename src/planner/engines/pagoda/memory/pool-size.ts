/** @module The number of KV blocks that a rule gives, and the longest sequence that fits: searches over one formula. */
import { gib } from "../../../../core/byte-size.ts";
import { blocksOfLength } from "../../../../core/kv-layout.ts";
import { type BudgetInputs, capBytesOf, type PoolShape } from "./budget-inputs.ts";

/** With neither a cap nor a pool size: at most this much, and at most this share of what is available. */
const defaultPoolMostBytes = gib;
const defaultPoolShareOfAvailable = 1 / 4;

/** The most bytes that the whole instance may come to. */
export function ceilingBytes({ cap, device }: BudgetInputs): number {
  if (cap === null) return device.availableBytes;
  return Math.min(capBytesOf(cap.value, device), device.availableBytes);
}

/** Bytes of the whole instance. */
export function totalBytesAt(inputs: BudgetInputs, shape: PoolShape): number {
  return inputs.fixedBytesAt(shape) + shape.numBlocks * inputs.bytesPerBlock;
}

/** The pool holds one sequence of the length, and everything stays under the ceiling. */
export function holds(inputs: BudgetInputs, shape: PoolShape): boolean {
  return (
    shape.numBlocks >= blocksOfLength(shape.maxModelLen, inputs.blockSize) &&
    totalBytesAt(inputs, shape) <= ceilingBytes(inputs)
  );
}

/** The longest length whose pool holds one sequence of it, in whole blocks; 0 if there is none. */
export function largestLength(inputs: BudgetInputs): number {
  const mostBlocks = blocksOfLength(inputs.modelMaxLen, inputs.blockSize);
  const lengthOf = (numBlocks: number): number => Math.min(inputs.modelMaxLen, numBlocks * inputs.blockSize);
  const fits = (numBlocks: number): boolean => {
    const maxModelLen = lengthOf(numBlocks);
    return holds(inputs, { numBlocks: numBlocksFor(inputs, maxModelLen), maxModelLen });
  };
  const numBlocks = largestWhere(mostBlocks, fits);
  return numBlocks === 0 ? 0 : lengthOf(numBlocks);
}

/** The pool that the rule gives when sequences may be `maxModelLen` long; it may be too small, or not fit. */
export function numBlocksFor(inputs: BudgetInputs, maxModelLen: number): number {
  const { pool, bytesPerBlock, blockSize } = inputs;
  switch (pool?.value.kind) {
    case "fractionOfFree":
      return remainder(inputs, maxModelLen, pool.value.fraction);
    case "kvBytes":
      return Math.floor(pool.value.bytes / bytesPerBlock);
    case "blocks":
      return pool.value.numBlocks;
    case "tokens":
      return blocksOfLength(pool.value.numTokens, blockSize);
    case undefined:
      return Math.min(remainder(inputs, maxModelLen, 1), mostWithoutAPoolFlag(inputs, maxModelLen));
  }
}

/** Blocks under a cap that the sequences of a step cannot fill; 0 where the pool was stated, or there is no cap. */
export function unusedBlocks(inputs: BudgetInputs, { numBlocks, maxModelLen }: PoolShape): number {
  if (inputs.cap === null || inputs.pool !== null) return 0;
  return Math.max(0, remainder(inputs, maxModelLen, 1) - numBlocks);
}

/** The blocks that take at most `share` of what everything else leaves free. */
function remainder(inputs: BudgetInputs, maxModelLen: number, share: number): number {
  const ceiling = ceilingBytes(inputs);
  return largestWhere(Math.floor(ceiling / inputs.bytesPerBlock), (numBlocks) => {
    const freeBytes = ceiling - inputs.fixedBytesAt({ numBlocks, maxModelLen });
    return numBlocks * inputs.bytesPerBlock <= share * freeBytes;
  });
}

/**
 * Blocks that max_num_seqs sequences of the length can fill. Without a cap at most 1 GiB and at most a quarter of what is
 * available, but never less than one sequence of a length that was asked for, or of a useful one.
 */
function mostWithoutAPoolFlag(inputs: BudgetInputs, maxModelLen: number): number {
  const { device, bytesPerBlock, blockSize, cap, leastUsefulLen } = inputs;
  const fillable = inputs.maxNumSeqs * blocksOfLength(maxModelLen, blockSize);
  if (cap !== null) return fillable;
  const mostBytes = Math.min(defaultPoolMostBytes, device.availableBytes * defaultPoolShareOfAvailable);
  const isAsked = typeof inputs.maxModelLen?.value === "number";
  const leastLen = isAsked ? maxModelLen : Math.min(maxModelLen, leastUsefulLen);
  return Math.min(
    fillable,
    Math.max(Math.floor(mostBytes / bytesPerBlock), blocksOfLength(leastLen, blockSize)),
  );
}

/** Largest n in [0, most] for which `fits` holds, given that it holds up to some n and not beyond. */
function largestWhere(most: number, fits: (n: number) => boolean): number {
  let low = 0;
  let high = Math.max(0, most);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
