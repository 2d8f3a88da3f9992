/**
 * @module From caps, pool sizes and lengths as people state them to a number of KV blocks: pure arithmetic.
 *
 *   0 ──────────── runtime ─ weights ─ workspace ─ tables ───────── KV pool ──────── ceiling
 *                  └──────────── fixed(numBlocks, length) ────────┘└ numBlocks × bytesPerBlock ┘
 *
 * ceiling = the cap, or what the device has available where there is no cap. A cap above that is refused.
 */
import { PagodaError } from "../../../../core/errors.ts";
import { blocksOfLength } from "../../../../core/kv-layout.ts";
import type { Resolved } from "../../../../core/resolved.ts";
import { type BudgetInputs, capBytesOf, type PoolShape } from "./budget-inputs.ts";
import { ceilingBytes, holds, largestLength, numBlocksFor, totalBytesAt, unusedBlocks } from "./pool-size.ts";
import { capTooLarge, type Refusal, tooSmallFor } from "./refusals.ts";

export interface Budget {
  readonly capBytes: number | null;
  readonly numBlocks: number;
  /** Blocks that the cap has room for and that `max_num_seqs` sequences of `max_model_len` cannot fill. */
  readonly numUnusedBlocks: number;
  readonly maxModelLen: Resolved<number>;
  /** How the pool came about, for the table that is printed. */
  readonly poolWhy: string;
  /** Sentences that a person should read: a length that was lowered, for one. */
  readonly notes: readonly string[];
}

/**
 * Decides blocks and length, or says what is needed and what there is. Throws `invalid_option` for a length that the model
 * does not have.
 */
export function resolveBudget(inputs: BudgetInputs): Budget | Refusal {
  const asked = inputs.maxModelLen?.value ?? null;
  if (typeof asked === "number") assertModelsOwn(inputs, asked);
  const capBytes = statedCapBytes(inputs);
  if (capBytes !== null && capBytes > inputs.device.availableBytes) return capTooLarge(inputs);
  if (!oneBlockFits(inputs)) return tooSmallFor(inputs, leastWanted(inputs));
  const wanted = typeof asked === "number" ? asked : inputs.modelMaxLen;
  const full = { numBlocks: numBlocksFor(inputs, wanted), maxModelLen: wanted };
  if (holds(inputs, full))
    return budgetOf(inputs, full, { maxModelLen: lengthAsWanted(inputs, wanted), notes: [] });
  if (typeof asked === "number") return tooSmallFor(inputs, full);
  return loweredBudget(inputs, full);
}

function statedCapBytes({ cap, device }: BudgetInputs): number | null {
  return cap === null ? null : capBytesOf(cap.value, device);
}

function budgetOf(
  inputs: BudgetInputs,
  shape: PoolShape,
  rest: Pick<Budget, "maxModelLen" | "notes">,
): Budget {
  const numUnusedBlocks = unusedBlocks(inputs, shape);
  return {
    capBytes: statedCapBytes(inputs),
    numBlocks: shape.numBlocks,
    numUnusedBlocks,
    poolWhy: describePool(inputs, numUnusedBlocks),
    ...rest,
  };
}

function assertModelsOwn(inputs: BudgetInputs, asked: number): void {
  if (asked <= inputs.modelMaxLen) return;
  throw new PagodaError(
    "invalid_option",
    `${inputs.maxModelLen?.why ?? "--max-model-len"} asks for ${asked} tokens, and the model was made for ${inputs.modelMaxLen}.`,
    { hint: `Use --max-model-len ${inputs.modelMaxLen}.` },
  );
}

function oneBlockFits(inputs: BudgetInputs): boolean {
  const least = { numBlocks: 1, maxModelLen: Math.min(inputs.blockSize, inputs.modelMaxLen) };
  return totalBytesAt(inputs, least) <= ceilingBytes(inputs);
}

/** The least that would satisfy the flags: what was asked for, else a useful length. */
export function leastWanted(inputs: BudgetInputs): PoolShape {
  const asked = inputs.maxModelLen?.value;
  const maxModelLen = typeof asked === "number" ? asked : inputs.leastUsefulLen;
  const numBlocks = Math.max(
    numBlocksFor(inputs, maxModelLen),
    blocksOfLength(maxModelLen, inputs.blockSize),
  );
  return { numBlocks, maxModelLen };
}

function lengthAsWanted(inputs: BudgetInputs, length: number): Resolved<number> {
  const { maxModelLen } = inputs;
  if (maxModelLen === null) return { value: length, from: "default", why: "the model's own length" };
  if (maxModelLen.value === "auto")
    return { value: length, from: "derived", why: "auto: the model's own length fits" };
  return { ...maxModelLen, value: length };
}

/**
 * The model's own length does not fit, and no length was asked for: the largest that does. In a pool that was not stated
 * either, a length that is of no use is refused; a pool that was stated is what the user wants.
 */
function loweredBudget(inputs: BudgetInputs, full: PoolShape): Budget | Refusal {
  const length = largestLength(inputs);
  if (length === 0) return tooSmallFor(inputs, full);
  if (inputs.pool === null && length < inputs.leastUsefulLen) return tooSmallFor(inputs, leastWanted(inputs));
  const shape = { numBlocks: numBlocksFor(inputs, length), maxModelLen: length };
  return budgetOf(inputs, shape, {
    maxModelLen: { value: length, from: "derived", why: "the longest that the KV pool holds" },
    notes: [
      `max_model_len is ${length} instead of the model's ${inputs.modelMaxLen}: the KV pool holds no more than that.`,
    ],
  });
}

function describePool(inputs: BudgetInputs, numUnusedBlocks: number): string {
  const { pool, cap } = inputs;
  if (pool !== null) return pool.why ?? pool.value.kind;
  if (cap === null) return "max_num_seqs × max_model_len, at most 1 GiB and a quarter of what is available";
  return numUnusedBlocks === 0 ? "what the cap leaves" : "max_num_seqs × max_model_len; the cap leaves more";
}
