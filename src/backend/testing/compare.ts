/** @module Runs a program on the backend under test and on the reference, step by step, and compares their logits. */
import assert from "node:assert/strict";
import type { Backend, BackendLimits, LoadedModel } from "../backend.ts";
import type { Program } from "../program.ts";
import { createReferenceBackend } from "../reference/reference-backend.ts";
import { type Slice, writeSlices } from "./slices.ts";

/** Most rows of logits in a step: a backend keeps only one piece of them. */
export const maxOutputRows = 32;

export const suiteLimits: BackendLimits = {
  blockSize: 16,
  numBlocks: 64,
  kvDtype: "f16",
  maxModelLen: 1024,
  maxNumSeqs: 32,
  maxNumBatchedTokens: 128,
  maxLogprobs: 16,
};

/** The same program on both sides. */
export interface Pair {
  readonly tested: LoadedModel;
  readonly reference: LoadedModel;
  readonly blockSize: number;
}

/** Loads `program` on both sides, hands them to `body`, and closes them. */
export async function withPair(
  backend: Backend,
  program: Program,
  changes: Partial<BackendLimits>,
  body: (pair: Pair) => Promise<void>,
): Promise<void> {
  const limits = { ...suiteLimits, ...changes };
  const reference = await createReferenceBackend({ kv: "stored" }).load(program, limits);
  const tested = await backend.load(program, limits);
  try {
    await body({ tested, reference, blockSize: limits.blockSize });
  } finally {
    await tested.close();
    await reference.close();
  }
}

/** Runs one step on both sides; `adjust` may change the inputs (sampling) of either. */
export async function stepBoth(
  pair: Pair,
  slices: readonly Slice[],
  adjust: (model: LoadedModel) => void = () => undefined,
): Promise<void> {
  for (const model of [pair.reference, pair.tested]) {
    writeSlices(model.inputs, pair.blockSize, slices);
    adjust(model);
    await model.step();
  }
}

/** `numTokens` tokens at positions 0 … of one sequence in blocks 0 …; the last rows are observed. */
export function singleSlice(numTokens: number, firstTokenId = 0): Slice {
  const tokenIds = Array.from({ length: numTokens }, (_, i) => (firstTokenId + i) % 64);
  const numOutputs = Math.min(numTokens, maxOutputRows);
  const outputs = Array.from({ length: numOutputs }, (_, i) => numTokens - numOutputs + i);
  const blockTable = Array.from({ length: Math.ceil(numTokens / 16) }, (_, i) => i);
  return { tokenIds, startPosition: 0, blockTable, outputs };
}

/** Smaller rows are compared as if they had this size: inputs are of order 1, so this is their rounding. */
const smallestUnit = 1e-2;

/** Largest difference of any logit, as a share of the root mean square of the reference's. */
export function expectSameLogits(pair: Pair, tolerance: number, what: string): void {
  const numOutputs = pair.reference.inputs.numOutputs;
  for (let o = 0; o < numOutputs; o++)
    expectClose(pair.tested.logitsRow(o), pair.reference.logitsRow(o), tolerance, `${what}, row ${o}`);
}

function expectClose(actual: Float32Array, expected: Float32Array, tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: width`);
  const meanSquare = expected.reduce((sum, x) => sum + x * x, 0) / expected.length;
  const unit = Math.max(Math.sqrt(meanSquare), smallestUnit);
  expected.forEach((x, column) => {
    const difference = Math.abs(x - (actual[column] ?? Number.NaN)) / unit;
    assert.ok(
      difference <= tolerance,
      `${what}, column ${column}: ${actual[column]} instead of ${x} (${difference.toExponential(1)} of the row's size)`,
    );
  });
}

/** Root mean square of all differences of a step, as a share of that of the reference's logits. */
export function expectCloseOnAverage(pair: Pair, tolerance: number, what: string): void {
  let [differences, logits] = [0, 0];
  for (let o = 0; o < pair.reference.inputs.numOutputs; o++) {
    const actual = pair.tested.logitsRow(o);
    pair.reference.logitsRow(o).forEach((x, column) => {
      differences += (x - (actual[column] ?? Number.NaN)) ** 2;
      logits += x * x;
    });
  }
  const share = Math.sqrt(differences / logits);
  assert.ok(
    share <= tolerance,
    `${what}: logits differ by ${share.toExponential(1)} of their size on average`,
  );
}
