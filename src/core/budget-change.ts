/** @module What to change when a budget does not hold: flags to copy, each tried before it is suggested. */
import {
  type Budget,
  type BudgetInputs,
  capBytesOf,
  largestLength,
  numBlocksFor,
  type PoolRule,
  resolveBudget,
} from "./budget.ts";
import { byteSizeArgument, mib } from "./byte-size.ts";
import { PagodaError } from "./errors.ts";
import { blocksOfLength } from "./kv-layout.ts";

/** The same instance with one option changed. */
export interface Variant {
  /** As it is typed: `--kv-cache-dtype int8`. */
  readonly flag: string;
  readonly inputs: BudgetInputs;
}

/**
 * `resolveBudget`, whose refusal carries the smallest single change that would fit. `variants` go from the least
 * noticeable change to the most.
 */
export function resolveBudgetOrExplain(inputs: BudgetInputs, variants: readonly Variant[]): Budget {
  try {
    return resolveBudget(inputs);
  } catch (thrown) {
    if (!(thrown instanceof PagodaError) || thrown.code !== "memory_too_small") throw thrown;
    const hint = describeChanges(inputs, variants);
    throw new PagodaError(thrown.code, thrown.message, {
      hint,
      ...(thrown.param === undefined ? {} : { param: thrown.param }),
      cause: thrown,
    });
  }
}

function describeChanges(inputs: BudgetInputs, variants: readonly Variant[]): string {
  const changes = [
    shorterLength(inputs),
    smallerPool(inputs),
    largerPool(inputs),
    variants.find((variant) => resolves(variant.inputs))?.flag ?? null,
    largerCap(inputs),
  ].filter((flag) => flag !== null);
  const [first, ...others] = changes;
  if (first === undefined) return "No single change fits this device: use a smaller model.";
  return others.length === 0 ? `Use ${first}.` : `Use ${first} (or ${others.join(", or ")}).`;
}

function resolves(inputs: BudgetInputs): boolean {
  try {
    resolveBudget(inputs);
    return true;
  } catch (thrown) {
    if (thrown instanceof PagodaError) return false;
    throw thrown;
  }
}

function shorterLength(inputs: BudgetInputs): string | null {
  if (typeof inputs.maxModelLen?.value !== "number") return null;
  const length = largestLength(inputs);
  return length > 0 && length < inputs.maxModelLen.value ? `--max-model-len ${length}` : null;
}

/** A stated pool that does not fit: the same dialect with what does. */
function smallerPool(inputs: BudgetInputs): string | null {
  const { pool, maxModelLen, modelMaxLen, blockSize } = inputs;
  if (pool === null || pool.value.kind === "fractionOfFree") return null;
  const asked = typeof maxModelLen?.value === "number" ? maxModelLen.value : null;
  const fullRemainder = {
    ...inputs,
    pool: { value: { kind: "fractionOfFree", fraction: 1 }, from: "derived" },
  } as const;
  const length = asked ?? Math.min(modelMaxLen, largestLength(fullRemainder));
  const numBlocks = numBlocksFor(fullRemainder, length);
  if (numBlocks < Math.max(1, blocksOfLength(length, blockSize)) || numBlocks >= numBlocksFor(inputs, length))
    return null;
  return poolFlag(pool.value.kind, numBlocks, inputs);
}

/** A stated pool that does not hold one sequence: the same dialect with the least that does. */
function largerPool(inputs: BudgetInputs): string | null {
  const { pool, maxModelLen, blockSize, bytesPerBlock } = inputs;
  if (pool === null || pool.value.kind === "fractionOfFree") return null;
  const asked = typeof maxModelLen?.value === "number" ? maxModelLen.value : 1;
  const numBlocks = blocksOfLength(asked, blockSize);
  if (numBlocks <= numBlocksFor(inputs, asked)) return null;
  const value = { kind: "kvBytes", bytes: numBlocks * bytesPerBlock } as const;
  if (!resolves({ ...inputs, pool: { ...pool, value } })) return null;
  return poolFlag(pool.value.kind, numBlocks, inputs);
}

function poolFlag(kind: PoolRule["kind"], numBlocks: number, inputs: BudgetInputs): string | null {
  switch (kind) {
    case "kvBytes":
      return `--kv-cache-memory-bytes ${numBlocks * inputs.bytesPerBlock}`;
    case "blocks":
      return `--num-gpu-blocks-override ${numBlocks}`;
    case "tokens":
      return `--max-kv-tokens ${numBlocks * inputs.blockSize}`;
    case "fractionOfFree":
      return null;
  }
}

/** The smallest cap under which the request as it stands holds, if the device has that much. */
function largerCap(inputs: BudgetInputs): string | null {
  const { cap, device } = inputs;
  if (cap === null || capBytesOf(cap.value, device) >= device.availableBytes) return null;
  const withCap = (bytes: number): BudgetInputs => ({
    ...inputs,
    cap: { ...cap, value: { kind: "instanceBytes", bytes } },
  });
  if (!resolves(withCap(device.availableBytes))) return null;
  let low = Math.floor(capBytesOf(cap.value, device) / mib);
  let high = Math.ceil(device.availableBytes / mib);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (resolves(withCap(middle * mib))) high = middle;
    else low = middle;
  }
  const bytes = Math.min(high * mib, device.availableBytes);
  if (cap.value.kind === "instanceBytes") return `--memory ${byteSizeArgument(bytes)}`;
  const fraction = Math.ceil((bytes / device.totalBytes) * 1e4) / 1e4;
  return fraction <= 1 ? `--gpu-memory-utilization ${fraction}` : null;
}
