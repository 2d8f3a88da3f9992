/** @module What a budget that does not hold says: what is needed, and what there is. */
import { formatBytes } from "../../../../core/byte-size.ts";
import { blocksOfLength } from "../../../../core/kv-layout.ts";
import { type BudgetInputs, capBytesOf, type DeviceMemory, type PoolShape } from "./budget-inputs.ts";
import { ceilingBytes } from "./pool-size.ts";

/** Why a budget does not hold, in a sentence; the advice is added where the whole start is known. */
export interface Refusal {
  readonly refusal: string;
  readonly param: "memory" | "max_model_len";
}

export function isRefusal<T extends object>(answer: T | Refusal): answer is Refusal {
  return "refusal" in answer;
}

/** A cap that promises more than there is. */
export function capTooLarge({ cap, device }: BudgetInputs): Refusal {
  const capBytes = cap === null ? 0 : capBytesOf(cap.value, device);
  return {
    refusal: `${cap?.why ?? "The cap"} allows the instance ${formatBytes(capBytes)}, and ${whatTheDeviceHas(device)}.`,
    param: "memory",
  };
}

/** The instance does not fit under the ceiling, or its pool does not hold one sequence of the length. */
export function tooSmallFor(inputs: BudgetInputs, shape: PoolShape): Refusal {
  const { blockSize, bytesPerBlock } = inputs;
  const sequenceBlocks = Math.max(1, blocksOfLength(shape.maxModelLen, blockSize));
  const numBlocks = Math.max(sequenceBlocks, shape.numBlocks);
  const fixedBytes = inputs.fixedBytesAt({ numBlocks, maxModelLen: shape.maxModelLen });
  const totalBytes = fixedBytes + numBlocks * bytesPerBlock;
  if (totalBytes <= ceilingBytes(inputs)) return poolTooSmall(inputs, shape, sequenceBlocks);
  if (!Number.isFinite(totalBytes)) return beyondTheBackend(numBlocks * blockSize, shape.maxModelLen);
  return {
    refusal: `The instance needs ${formatBytes(totalBytes)}: ${formatBytes(fixedBytes)} for runtime, weights and workspace, and ${formatBytes(totalBytes - fixedBytes)} of KV cache for ${numBlocks * blockSize} tokens${whyTheseTokens(inputs, shape)}. ${whatThereIs(inputs)}.`,
    param: "memory",
  };
}

function poolTooSmall(inputs: BudgetInputs, shape: PoolShape, sequenceBlocks: number): Refusal {
  const { pool, blockSize, bytesPerBlock } = inputs;
  const named = pool === null ? "" : ` (${pool.why ?? pool.value.kind})`;
  return {
    refusal: `The KV pool${named} holds ${shape.numBlocks * blockSize} tokens in ${formatBytes(shape.numBlocks * bytesPerBlock)}, and one sequence of ${shape.maxModelLen} tokens needs ${formatBytes(sequenceBlocks * bytesPerBlock)}.`,
    param: "max_model_len",
  };
}

function beyondTheBackend(numTokens: number, maxModelLen: number): Refusal {
  return {
    refusal: `A KV pool of ${numTokens} tokens with sequences of ${maxModelLen} is more than the CPU backend can address: each layer has to fit into one memory of 4 GiB.`,
    param: "memory",
  };
}

/** Where nobody asked for a length, the tokens are those that a chat takes. */
function whyTheseTokens(inputs: BudgetInputs, shape: PoolShape): string {
  const isUseful = inputs.maxModelLen === null && shape.maxModelLen === inputs.leastUsefulLen;
  return isUseful && inputs.pool === null ? ", the least that a chat is of use with" : "";
}

function whatThereIs(inputs: BudgetInputs): string {
  const { cap, device } = inputs;
  if (cap === null) return capitalized(whatTheDeviceHas(device));
  return `${cap.why ?? "The cap"} allows ${formatBytes(ceilingBytes(inputs))}`;
}

function whatTheDeviceHas({ totalBytes, availableBytes }: DeviceMemory): string {
  return `the device has ${formatBytes(availableBytes)} available of ${formatBytes(totalBytes)}`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
