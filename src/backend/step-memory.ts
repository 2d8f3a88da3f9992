/** @module The arrays of a step in ordinary memory, for backends that compute there. */
import { invariant } from "../core/errors.ts";
import type { SamplingInputs, StepInputs, StepLimits, StepResults } from "./backend.ts";
import {
  blocksPerSequence,
  type StepArray,
  type StepNumberType,
  stepArrayBytes,
  stepInputArrays,
  stepResultArrays,
} from "./step-layout.ts";

interface TypedArrays {
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  readonly u8: Uint8Array;
}

const make: { readonly [T in StepNumberType]: (numElements: number) => TypedArrays[T] } = {
  i32: (numElements) => new Int32Array(numElements),
  f32: (numElements) => new Float32Array(numElements),
  f64: (numElements) => new Float64Array(numElements),
  u8: (numElements) => new Uint8Array(numElements),
};

export interface StepMemory {
  readonly inputs: StepInputs;
  readonly results: StepResults;
  readonly numBytes: number;
}

/** All arrays, zeroed. */
export function allocateStep(limits: StepLimits, vocabularyWidth: number): StepMemory {
  const inputArrays = stepInputArrays(limits, vocabularyWidth);
  const resultArrays = stepResultArrays(limits);
  const inputOf = allocator(inputArrays);
  const resultOf = allocator(resultArrays);
  return {
    inputs: {
      numTokens: 0,
      numSlices: 0,
      numOutputs: 0,
      tokenIds: inputOf("tokenIds", "i32"),
      positions: inputOf("positions", "i32"),
      slots: inputOf("slots", "i32"),
      sliceStarts: inputOf("sliceStarts", "i32"),
      blockTables: inputOf("blockTables", "i32"),
      maxBlocksPerSequence: blocksPerSequence(limits),
      outputRows: inputOf("outputRows", "i32"),
      sampling: allocateSampling(inputOf),
    },
    results: {
      tokenIds: resultOf("tokenIds", "i32"),
      logprobs: resultOf("logprobs", "f32"),
      ranks: resultOf("ranks", "i32"),
      topTokenIds: resultOf("topTokenIds", "i32"),
      topLogprobs: resultOf("topLogprobs", "f32"),
    },
    numBytes: [...inputArrays, ...resultArrays].reduce((sum, array) => sum + stepArrayBytes(array), 0),
  };
}

type Allocator = <T extends StepNumberType>(name: string, type: T) => TypedArrays[T];

function allocateSampling(arrayOf: Allocator): SamplingInputs {
  return {
    targetTokenIds: arrayOf("targetTokenIds", "i32"),
    numTopLogprobs: arrayOf("numTopLogprobs", "i32"),
    wantsLogprob: arrayOf("wantsLogprob", "u8"),
    temperature: arrayOf("temperature", "f32"),
    topK: arrayOf("topK", "i32"),
    topP: arrayOf("topP", "f32"),
    minP: arrayOf("minP", "f32"),
    uniform: arrayOf("uniform", "f64"),
    repetitionPenalty: arrayOf("repetitionPenalty", "f32"),
    frequencyPenalty: arrayOf("frequencyPenalty", "f32"),
    presencePenalty: arrayOf("presencePenalty", "f32"),
    seenStarts: arrayOf("seenStarts", "i32"),
    seenTokenIds: arrayOf("seenTokenIds", "i32"),
    seenCounts: arrayOf("seenCounts", "i32"),
    biasStarts: arrayOf("biasStarts", "i32"),
    biasTokenIds: arrayOf("biasTokenIds", "i32"),
    biasValues: arrayOf("biasValues", "f32"),
    maskNumbers: arrayOf("maskNumbers", "i32"),
    masks: arrayOf("masks", "i32"),
  };
}

function allocator(arrays: readonly StepArray[]): Allocator {
  const byName = new Map(arrays.map((array) => [array.name, array]));
  return (name, type) => {
    const array = byName.get(name);
    invariant(array !== undefined && array.type === type, () => `no step array ${name} of type ${type}`);
    return make[type](array.numElements);
  };
}
