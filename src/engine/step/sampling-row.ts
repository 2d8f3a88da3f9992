/** @module Writes how one output row is to be sampled into the backend's arrays. */
import type { SamplingInputs } from "../../backend/backend.ts";
import type { Sequence } from "../sequence/sequence.ts";
import { uniformAt } from "./random.ts";

/** Row `row` reports the log-probability of a token that is known already. */
export function writeScoredRow(inputs: SamplingInputs, row: number, tokenId: number, numTop: number): void {
  inputs.targetTokenIds[row] = tokenId;
  inputs.numTopLogprobs[row] = numTop;
  inputs.wantsLogprob[row] = 1;
  writeNeutral(inputs, row);
  inputs.seenStarts[row + 1] = inputs.seenStarts[row] as number;
  inputs.biasStarts[row + 1] = inputs.biasStarts[row] as number;
}

/** Row `row` samples the next token of `sequence`, by mask `maskNumber` − 1 if that is above 0. Rows are written in order: entries of row r end where r + 1's begin. */
export function writeSamplingRow(
  inputs: SamplingInputs,
  row: number,
  sequence: Sequence,
  maskNumber: number,
): void {
  const { sampling, seed } = sequence.request.prepared;
  inputs.targetTokenIds[row] = -1;
  inputs.numTopLogprobs[row] = sampling.logprobs ?? 0;
  inputs.wantsLogprob[row] = sampling.logprobs === null ? 0 : 1;
  inputs.temperature[row] = sampling.temperature;
  inputs.topK[row] = sampling.topK;
  inputs.topP[row] = sampling.topP;
  inputs.minP[row] = sampling.minP;
  inputs.repetitionPenalty[row] = sampling.repetitionPenalty;
  inputs.frequencyPenalty[row] = sampling.frequencyPenalty;
  inputs.presencePenalty[row] = sampling.presencePenalty;
  inputs.uniform[row] =
    sampling.temperature === 0 ? 0 : uniformAt(seed, sequence.index, sequence.numOutputTokens);
  inputs.maskNumbers[row] = maskNumber;
  writeSeen(inputs, row, sequence);
  writeBias(inputs, row, sequence);
}

function writeNeutral(inputs: SamplingInputs, row: number): void {
  inputs.temperature[row] = 0;
  inputs.topK[row] = 0;
  inputs.topP[row] = 1;
  inputs.minP[row] = 0;
  inputs.repetitionPenalty[row] = 1;
  inputs.frequencyPenalty[row] = 0;
  inputs.presencePenalty[row] = 0;
  inputs.uniform[row] = 0;
  inputs.maskNumbers[row] = 0;
}

function writeSeen(inputs: SamplingInputs, row: number, sequence: Sequence): void {
  const at = inputs.seenStarts[row] as number;
  sequence.seen?.copyTo(inputs.seenTokenIds, inputs.seenCounts, at);
  inputs.seenStarts[row + 1] = at + sequence.numSeenEntries;
}

function writeBias(inputs: SamplingInputs, row: number, sequence: Sequence): void {
  const { sampling, bannedBeforeMin } = sequence.request.prepared;
  let at = inputs.biasStarts[row] as number;
  for (const [tokenId, bias] of sampling.logitBias) {
    inputs.biasTokenIds[at] = tokenId;
    inputs.biasValues[at++] = bias;
  }
  if (sequence.isBelowMin) {
    for (const tokenId of bannedBeforeMin) {
      inputs.biasTokenIds[at] = tokenId;
      inputs.biasValues[at++] = Number.NEGATIVE_INFINITY;
    }
  }
  inputs.biasStarts[row + 1] = at;
}
