/** @module The arrays through which the engine and the backend exchange a step, with their sizes. */

/** What a backend allocates for; see `BackendLimits` in `backend/backend.ts`. */
export interface StepLimits {
  readonly blockSize: number;
  readonly maxModelLen: number;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  readonly maxLogprobs: number;
}

export type StepNumberType = "i32" | "f32" | "f64" | "u8";

export interface StepArray {
  readonly name: string;
  readonly type: StepNumberType;
  readonly numElements: number;
  /** Read by operations of every layer, so each arena has a copy. */
  readonly everyArena: boolean;
}

/** logit_bias entries and bans that one sequence may have in a step. */
const maxBiasesPerSequence = 1024;

/** Most rows that the head section runs at once: what bounds the logits, sampled or scored. */
export function headPieceRows(limits: StepLimits): number {
  return Math.min(32, limits.maxNumSeqs, limits.maxNumBatchedTokens);
}

export function blocksPerSequence(limits: StepLimits): number {
  return Math.ceil(limits.maxModelLen / limits.blockSize);
}

const bytesPerStepNumber: Readonly<Record<StepNumberType, number>> = { i32: 4, f32: 4, f64: 8, u8: 1 };

const perOutput = [
  ["targetTokenIds", "i32"],
  ["numTopLogprobs", "i32"],
  ["wantsLogprob", "u8"],
  ["temperature", "f32"],
  ["topK", "i32"],
  ["topP", "f32"],
  ["minP", "f32"],
  ["uniform", "f64"],
  ["repetitionPenalty", "f32"],
  ["frequencyPenalty", "f32"],
  ["presencePenalty", "f32"],
] as const;

/** Names are those of StepInputs and SamplingInputs; shapes are stated there. */
export function stepInputArrays(limits: StepLimits, vocabularyWidth: number): readonly StepArray[] {
  const numTokens = limits.maxNumBatchedTokens;
  // A sequence has seen at most as many different tokens as it is long, and no more than there are.
  const numSeen = limits.maxNumSeqs * Math.min(limits.maxModelLen, vocabularyWidth);
  const numBiases = limits.maxNumSeqs * Math.min(maxBiasesPerSequence, vocabularyWidth);
  const shared = { type: "i32", everyArena: true } as const;
  const own = { type: "i32", everyArena: false } as const;
  return [
    { name: "positions", numElements: numTokens, ...shared },
    { name: "slots", numElements: numTokens, ...shared },
    { name: "blockTables", numElements: limits.maxNumSeqs * blocksPerSequence(limits), ...shared },
    { name: "tokenIds", numElements: numTokens, ...own },
    { name: "sliceStarts", numElements: limits.maxNumSeqs + 1, ...own },
    { name: "outputRows", numElements: numTokens, ...own },
    ...perOutput.map(([name, type]) => ({ name, type, numElements: numTokens, everyArena: false })),
    { name: "seenStarts", numElements: numTokens + 1, ...own },
    { name: "seenTokenIds", numElements: numSeen, ...own },
    { name: "seenCounts", numElements: numSeen, ...own },
    { name: "biasStarts", numElements: numTokens + 1, ...own },
    { name: "biasTokenIds", numElements: numBiases, ...own },
    { name: "biasValues", numElements: numBiases, type: "f32", everyArena: false },
  ];
}

/** Names are those of StepResults. */
export function stepResultArrays(limits: StepLimits): readonly StepArray[] {
  const numTokens = limits.maxNumBatchedTokens;
  const numTop = numTokens * limits.maxLogprobs;
  const own = { everyArena: false } as const;
  return [
    { name: "tokenIds", type: "i32", numElements: numTokens, ...own },
    { name: "logprobs", type: "f32", numElements: numTokens, ...own },
    { name: "ranks", type: "i32", numElements: numTokens, ...own },
    { name: "topTokenIds", type: "i32", numElements: numTop, ...own },
    { name: "topLogprobs", type: "f32", numElements: numTop, ...own },
  ];
}

export function stepArrayBytes(array: StepArray): number {
  return array.numElements * bytesPerStepNumber[array.type];
}
