/**
 * @module From caps, pool sizes and lengths as people state them to a number of KV blocks: pure arithmetic.
 *
 *   0 ──────────── runtime ─ weights ─ workspace ─ tables ───────── KV pool ──────── ceiling
 *                  └──────────── fixed(numBlocks, length) ────────┘└ numBlocks × bytesPerBlock ┘
 *
 * ceiling = the smaller of the cap (if there is one) and what the device has available for this instance.
 */
import { formatBytes, gib } from "./byte-size.ts";
import { PagodaError } from "./errors.ts";
import { blocksOfLength } from "./kv-layout.ts";
import type { Resolved } from "./resolved.ts";

/** A limit on the whole instance. */
export type Cap =
  | { readonly kind: "fractionOfTotal"; readonly fraction: number }
  | { readonly kind: "instanceBytes"; readonly bytes: number };

/** A statement of the KV pool alone. */
export type PoolRule =
  | { readonly kind: "fractionOfFree"; readonly fraction: number }
  | { readonly kind: "kvBytes"; readonly bytes: number }
  | { readonly kind: "blocks"; readonly numBlocks: number }
  | { readonly kind: "tokens"; readonly numTokens: number };

export interface DeviceMemory {
  /** The smaller of the container's limit and physical memory. */
  readonly totalBytes: number;
  /** What this instance can have now, counting what its process already holds. */
  readonly availableBytes: number;
}

/** The two unknowns that the budget decides. */
export interface PoolShape {
  readonly numBlocks: number;
  readonly maxModelLen: number;
}

export interface BudgetInputs {
  readonly cap: Resolved<Cap> | null;
  readonly pool: Resolved<PoolRule> | null;
  /** As asked for; null: not asked. */
  readonly maxModelLen: Resolved<number | "auto"> | null;
  /** The longest sequence the model was made for. */
  readonly modelMaxLen: number;
  readonly maxNumSeqs: number;
  readonly blockSize: number;
  readonly bytesPerBlock: number;
  readonly device: DeviceMemory;
  /**
   * Bytes of everything but the KV pool: runtime, weights, workspace and tables. Must not shrink as its arguments grow;
   * the runtime follows the cap (null: none), by less than a byte for a byte.
   */
  readonly fixedBytesAt: (shape: PoolShape, capBytes: number | null) => number;
}

export interface Budget {
  readonly capBytes: number | null;
  readonly numBlocks: number;
  readonly maxModelLen: Resolved<number>;
  /** How the pool came about, for the table that is printed. */
  readonly poolWhy: string;
  /** Lines a person should read: a length that was lowered, for one. */
  readonly notes: readonly string[];
}

/** With neither a cap nor a pool size: at most this much, and at most this share of what is available. */
const defaultPoolMostBytes = gib;
const defaultPoolShareOfAvailable = 1 / 4;

/**
 * Decides blocks and length. Throws `memory_too_small` with what is needed and what there is (no hint: see
 * `budget-change.ts`), and `invalid_option` for a length the model does not have.
 */
export function resolveBudget(inputs: BudgetInputs): Budget {
  const asked = inputs.maxModelLen?.value ?? null;
  if (typeof asked === "number" && asked > inputs.modelMaxLen)
    throw new PagodaError(
      "invalid_option",
      `${inputs.maxModelLen?.why ?? "--max-model-len"} asks for ${asked} tokens; the model was made for ${inputs.modelMaxLen}.`,
      { hint: `Use --max-model-len ${inputs.modelMaxLen}.` },
    );
  const wanted = typeof asked === "number" ? asked : inputs.modelMaxLen;
  const capBytes = statedCapBytes(inputs);
  assertOneBlockFits(inputs);
  const numBlocks = numBlocksFor(inputs, wanted);
  if (holds(inputs, { numBlocks, maxModelLen: wanted }))
    return {
      capBytes,
      numBlocks,
      maxModelLen: lengthAsWanted(inputs, wanted),
      poolWhy: describePool(inputs),
      notes: [],
    };
  if (typeof asked === "number") throw tooSmallFor(inputs, { numBlocks, maxModelLen: asked });
  return loweredBudget(inputs, capBytes, numBlocks);
}

/** Bytes that the cap allows; a fraction is of the device's total. */
export function capBytesOf(cap: Cap, device: DeviceMemory): number {
  return cap.kind === "instanceBytes" ? cap.bytes : Math.floor(cap.fraction * device.totalBytes);
}

/** The most bytes that the whole instance may come to. */
function ceilingBytes(inputs: BudgetInputs): number {
  const { cap, device } = inputs;
  if (cap === null) return device.availableBytes;
  return Math.min(capBytesOf(cap.value, device), device.availableBytes);
}

/** Bytes of the whole instance. */
export function totalBytesAt(inputs: BudgetInputs, shape: PoolShape): number {
  return fixedBytes(inputs, shape) + shape.numBlocks * inputs.bytesPerBlock;
}

function statedCapBytes({ cap, device }: BudgetInputs): number | null {
  return cap === null ? null : capBytesOf(cap.value, device);
}

function fixedBytes(inputs: BudgetInputs, shape: PoolShape): number {
  return inputs.fixedBytesAt(shape, statedCapBytes(inputs));
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
  const ceiling = ceilingBytes(inputs);
  const mostBlocks = Math.floor(ceiling / bytesPerBlock);
  const remainder = (share: number): number =>
    largestWhere(mostBlocks, (numBlocks) => {
      const free = ceiling - fixedBytes(inputs, { numBlocks, maxModelLen });
      return numBlocks * bytesPerBlock <= share * free;
    });
  switch (pool?.value.kind) {
    case "fractionOfFree":
      return remainder(pool.value.fraction);
    case "kvBytes":
      return Math.floor(pool.value.bytes / bytesPerBlock);
    case "blocks":
      return pool.value.numBlocks;
    case "tokens":
      return blocksOfLength(pool.value.numTokens, blockSize);
    case undefined: {
      const whatIsLeft = remainder(1);
      return inputs.cap === null ? Math.min(whatIsLeft, defaultNumBlocks(inputs, maxModelLen)) : whatIsLeft;
    }
  }
}

/** What max_num_seqs sequences of the length need, at most 1 GiB and at most a quarter of what is available. */
function defaultNumBlocks(inputs: BudgetInputs, maxModelLen: number): number {
  const { device, bytesPerBlock } = inputs;
  const mostBytes = Math.min(defaultPoolMostBytes, device.availableBytes * defaultPoolShareOfAvailable);
  return Math.min(
    inputs.maxNumSeqs * blocksOfLength(maxModelLen, inputs.blockSize),
    Math.floor(mostBytes / bytesPerBlock),
  );
}

/** The pool holds one sequence of the length, and everything stays under the ceiling. */
function holds(inputs: BudgetInputs, shape: PoolShape): boolean {
  return (
    shape.numBlocks >= blocksOfLength(shape.maxModelLen, inputs.blockSize) &&
    totalBytesAt(inputs, shape) <= ceilingBytes(inputs)
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

function assertOneBlockFits(inputs: BudgetInputs): void {
  const least = { numBlocks: 1, maxModelLen: Math.min(inputs.blockSize, inputs.modelMaxLen) };
  if (totalBytesAt(inputs, least) > ceilingBytes(inputs)) throw tooSmallFor(inputs, least);
}

function lengthAsWanted(inputs: BudgetInputs, length: number): Resolved<number> {
  const { maxModelLen } = inputs;
  if (maxModelLen === null) return { value: length, from: "default", why: "the model's own length" };
  if (maxModelLen.value === "auto")
    return { value: length, from: "derived", why: "auto: the model's own length fits" };
  return { ...maxModelLen, value: length };
}

/** Nobody asked for a length that does not fit: take the largest that does. */
function loweredBudget(inputs: BudgetInputs, capBytes: number | null, numBlocksAtFull: number): Budget {
  const length = largestLength(inputs);
  if (length === 0)
    throw tooSmallFor(inputs, { numBlocks: numBlocksAtFull, maxModelLen: inputs.modelMaxLen });
  return {
    capBytes,
    numBlocks: numBlocksFor(inputs, length),
    maxModelLen: { value: length, from: "derived", why: "the longest that the KV pool holds" },
    poolWhy: describePool(inputs),
    notes: [
      `max_model_len is ${length} instead of the model's ${inputs.modelMaxLen}: the KV pool holds no more than that.`,
    ],
  };
}

function describePool(inputs: BudgetInputs): string {
  const { pool, cap } = inputs;
  if (pool !== null) return pool.why ?? pool.value.kind;
  if (cap !== null) return "what the cap leaves";
  return "max_num_seqs × max_model_len, at most 1 GiB and a quarter of what is available";
}

/** The refusal: what is needed, and what there is. */
function tooSmallFor(inputs: BudgetInputs, shape: PoolShape): PagodaError {
  const { cap, device, bytesPerBlock } = inputs;
  const needBlocks = Math.max(1, blocksOfLength(shape.maxModelLen, inputs.blockSize));
  const ceiling = ceilingBytes(inputs);
  const capIsTighter = cap !== null && capBytesOf(cap.value, device) <= device.availableBytes;
  const limit = capIsTighter
    ? `${cap.why ?? "the cap"} allows ${formatBytes(ceiling)}`
    : `the device has ${formatBytes(ceiling)} available of ${formatBytes(device.totalBytes)}`;
  const total = totalBytesAt(inputs, { ...shape, numBlocks: Math.max(needBlocks, shape.numBlocks) });
  if (total <= ceiling)
    return new PagodaError(
      "memory_too_small",
      `The KV pool (${inputs.pool?.why ?? describePool(inputs)}) holds ${shape.numBlocks * inputs.blockSize} tokens; one sequence of ${shape.maxModelLen} tokens needs ${formatBytes(needBlocks * bytesPerBlock)}.`,
      { param: "max_model_len" },
    );
  return new PagodaError(
    "memory_too_small",
    `${formatBytes(total)} are needed (${formatBytes(fixedBytes(inputs, shape))} for runtime, weights and workspace, ${formatBytes(total - fixedBytes(inputs, shape))} of KV cache for ${Math.max(needBlocks, shape.numBlocks) * inputs.blockSize} tokens) and ${limit}.`,
    { param: "memory" },
  );
}
