/** @module Writes a step plan into the backend's arrays. */
import { maskWords, type SamplingInputs, type StepInputs } from "../../backend/backend.ts";
import { invariant } from "../../core/errors.ts";
import { writeSamplingRow, writeScoredRow } from "./sampling-row.ts";
import type { SequenceSlice, StepPlan } from "./step-plan.ts";

/**
 * Fills `inputs` in place, slice by slice in the plan's order; allocates nothing. Kernels read the embedding's row of a
 * token without a check, so its id is compared with `vocabularyWidth` here.
 */
export function writeStepInputs(
  plan: StepPlan,
  inputs: StepInputs,
  blockSize: number,
  vocabularyWidth: number,
): void {
  let numMasks = 0;
  inputs.numTokens = 0;
  inputs.numSlices = 0;
  inputs.numOutputs = 0;
  inputs.sampling.seenStarts[0] = 0;
  inputs.sampling.biasStarts[0] = 0;
  for (const slice of plan.slices) {
    writeBlockTable(slice, inputs);
    if (isMasked(slice)) numMasks++;
    writeOutputs(slice, inputs, isMasked(slice) ? numMasks : 0);
    writeTokens(slice, inputs, blockSize, vocabularyWidth);
  }
  inputs.sliceStarts[inputs.numSlices] = inputs.numTokens;
}

function writeTokens(
  slice: SequenceSlice,
  inputs: StepInputs,
  blockSize: number,
  vocabularyWidth: number,
): void {
  const { tokenIds, table } = slice.sequence;
  let row = inputs.numTokens;
  const end = slice.startPosition + slice.numTokens;
  for (let position = slice.startPosition; position < end; position++, row++) {
    const blockIndex = Math.floor(position / blockSize);
    const tokenId = tokenIds[position] as number;
    if (tokenId >>> 0 >= vocabularyWidth)
      invariant(false, () => `token ${tokenId} of a vocabulary of ${vocabularyWidth}`);
    inputs.tokenIds[row] = tokenId;
    inputs.positions[row] = position;
    inputs.slots[row] = table.at(blockIndex) * blockSize + (position - blockIndex * blockSize);
  }
  inputs.numTokens = row;
}

function writeBlockTable(slice: SequenceSlice, inputs: StepInputs): void {
  const { table } = slice.sequence;
  const rowStart = inputs.numSlices * inputs.maxBlocksPerSequence;
  for (let i = 0; i < table.numBlocks; i++) inputs.blockTables[rowStart + i] = table.at(i);
  inputs.sliceStarts[inputs.numSlices] = inputs.numTokens;
  inputs.numSlices++;
}

/** To be called before the slice's tokens are counted in `numTokens`. */
function writeOutputs(slice: SequenceSlice, inputs: StepInputs, maskNumber: number): void {
  const { sequence } = slice;
  const numTop = sequence.request.prepared.sampling.promptLogprobs ?? 0;
  const firstRow = inputs.numTokens;
  for (let r = 0; r < slice.numScored; r++) {
    const position = slice.firstScored + r;
    // The token at a position is scored by the logits of the one before it.
    inputs.outputRows[inputs.numOutputs] = firstRow + position - 1 - slice.startPosition;
    writeScoredRow(inputs.sampling, inputs.numOutputs++, sequence.tokenIds[position] as number, numTop);
  }
  if (slice.samplesToken) {
    inputs.outputRows[inputs.numOutputs] = firstRow + slice.numTokens - 1;
    writeSamplingRow(inputs.sampling, inputs.numOutputs++, sequence, maskNumber);
  }
}

/** Whether a rule or a filter says which tokens the slice may sample. */
export function isMasked({ samplesToken, sequence }: SequenceSlice): boolean {
  return samplesToken && (sequence.constraint !== null || sequence.filter !== null);
}

/** Writes the masks of the plan's slices, in the order of their numbers. The sequences' rules move on at most to being stuck. */
export function writeMasks(plan: StepPlan, { masks }: SamplingInputs, vocabularyWidth: number): void {
  const numWords = maskWords(vocabularyWidth);
  let start = 0;
  for (const slice of plan.slices) {
    if (!isMasked(slice)) continue;
    const { constraint, filter, request } = slice.sequence;
    const { eosTokenIds, stopTokenIds } = request.prepared;
    if (constraint === null) masks.fill(-1, start, start + numWords);
    else constraint.writeMask(masks, start, [...eosTokenIds, ...stopTokenIds]);
    filter?.apply(masks, { start, numWords }, slice.sequence.outputTokenIds);
    start += numWords;
  }
}
