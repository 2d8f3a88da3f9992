/** @module The arrays through which the engine and the backend exchange a step, with their sizes. */
import { blocksOfLength } from "../core/kv-layout.ts";
import { maskWords, type StepLimits } from "./backend.ts";

export type StepNumberType = "i32" | "f32" | "f64" | "u8";

export interface StepArray {
  readonly name: string;
  readonly type: StepNumberType;
  readonly numElements: number;
}

/** logit_bias entries and bans that one sequence may have in a step. */
const maxBiasesPerSequence = 1024;

/** Entries of a slice's block table. */
export function blocksPerSequence(limits: StepLimits): number {
  return blocksOfLength(limits.maxModelLen, limits.blockSize);
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
  ["maskNumbers", "i32"],
] as const;

/** Names are those of StepInputs and SamplingInputs; shapes are stated there. */
export function stepInputArrays(limits: StepLimits, vocabularyWidth: number): readonly StepArray[] {
  const numTokens = limits.maxNumBatchedTokens;
  // A sequence has seen at most as many different tokens as it is long, and no more than there are.
  const numSeen = limits.maxNumSeqs * Math.min(limits.maxModelLen, vocabularyWidth);
  const numBiases = limits.maxNumSeqs * Math.min(maxBiasesPerSequence, vocabularyWidth);
  return [
    { name: "positions", numElements: numTokens, type: "i32" },
    { name: "slots", numElements: numTokens, type: "i32" },
    { name: "blockTables", numElements: limits.maxNumSeqs * blocksPerSequence(limits), type: "i32" },
    { name: "tokenIds", numElements: numTokens, type: "i32" },
    { name: "sliceStarts", numElements: limits.maxNumSeqs + 1, type: "i32" },
    { name: "outputRows", numElements: numTokens, type: "i32" },
    ...perOutput.map(([name, type]) => ({ name, type, numElements: numTokens })),
    { name: "seenStarts", numElements: numTokens + 1, type: "i32" },
    { name: "seenTokenIds", numElements: numSeen, type: "i32" },
    { name: "seenCounts", numElements: numSeen, type: "i32" },
    { name: "biasStarts", numElements: numTokens + 1, type: "i32" },
    { name: "biasTokenIds", numElements: numBiases, type: "i32" },
    { name: "biasValues", numElements: numBiases, type: "f32" },
    { name: "masks", numElements: limits.maxNumSeqs * maskWords(vocabularyWidth), type: "i32" },
  ];
}

/** Names are those of StepResults. */
export function stepResultArrays(limits: StepLimits): readonly StepArray[] {
  const numTokens = limits.maxNumBatchedTokens;
  const numTop = numTokens * limits.maxLogprobs;
  return [
    { name: "tokenIds", type: "i32", numElements: numTokens },
    { name: "logprobs", type: "f32", numElements: numTokens },
    { name: "ranks", type: "i32", numElements: numTokens },
    { name: "topTokenIds", type: "i32", numElements: numTop },
    { name: "topLogprobs", type: "f32", numElements: numTop },
  ];
}

export function stepArrayBytes(array: StepArray): number {
  return array.numElements * bytesPerStepNumber[array.type];
}
