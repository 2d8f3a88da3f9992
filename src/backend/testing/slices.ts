/** @module Writes a step's inputs like the engine: for tests that drive a backend directly. */
import type { StepInputs } from "../backend.ts";

/** Consecutive tokens of one sequence. */
export interface Slice {
  readonly tokenIds: readonly number[];
  /** Position of the first of them. */
  readonly startPosition: number;
  /** Block ids of the whole sequence, this slice's tokens included. */
  readonly blockTable: readonly number[];
  /** Which of the slice's tokens have their logits computed, as offsets in it, ascending. */
  readonly outputs: readonly number[];
}

/** Lays `slices` out in `inputs`; every output is greedy, without log-probabilities, unless the caller changes it. */
export function writeSlices(inputs: StepInputs, blockSize: number, slices: readonly Slice[]): void {
  inputs.numTokens = 0;
  inputs.numOutputs = 0;
  inputs.numSlices = slices.length;
  slices.forEach((slice, sliceId) => {
    const firstRow = inputs.numTokens;
    inputs.sliceStarts[sliceId] = firstRow;
    inputs.blockTables.set(slice.blockTable, sliceId * inputs.maxBlocksPerSequence);
    slice.tokenIds.forEach((tokenId, offset) => {
      const position = slice.startPosition + offset;
      const blockId = slice.blockTable[Math.floor(position / blockSize)] ?? 0;
      inputs.tokenIds[inputs.numTokens] = tokenId;
      inputs.positions[inputs.numTokens] = position;
      inputs.slots[inputs.numTokens] = blockId * blockSize + (position % blockSize);
      inputs.numTokens += 1;
    });
    for (const offset of slice.outputs) inputs.outputRows[inputs.numOutputs++] = firstRow + offset;
  });
  inputs.sliceStarts[slices.length] = inputs.numTokens;
  resetSampling(inputs);
}

function resetSampling(inputs: StepInputs): void {
  const { sampling } = inputs;
  sampling.targetTokenIds.fill(-1);
  sampling.topP.fill(1);
  sampling.repetitionPenalty.fill(1);
  const zeroes = [
    sampling.numTopLogprobs,
    sampling.wantsLogprob,
    sampling.temperature,
    sampling.topK,
    sampling.minP,
    sampling.uniform,
    sampling.frequencyPenalty,
    sampling.presencePenalty,
    sampling.seenStarts,
    sampling.biasStarts,
  ];
  for (const array of zeroes) array.fill(0);
}
