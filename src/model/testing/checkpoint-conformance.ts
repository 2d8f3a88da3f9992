/** @module One suite for every backend: the tiny checkpoints must give the logits that Hugging Face transformers gave. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import type { Backend, LoadedModel } from "../../backend/backend.ts";
import { type Slice, writeSlices } from "../../backend/testing/index.ts";
import { buildProgram } from "../architectures/build-program.ts";
import { readHuggingFaceConfig } from "../config/huggingface-config.ts";
import { readSafetensorsFolder } from "../weights/safetensors.ts";

export const tinyFolder = resolve(import.meta.dirname, "../../../tests/fixtures/tiny");

/** Names of the tiny checkpoints, one or more for each architecture. */
export const tinyCheckpoints: readonly string[] = readdirSync(tinyFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

export interface ReferenceLogits {
  readonly numSequences: number;
  readonly numTokens: number;
  readonly vocabularyWidth: number;
  /** [numSequences, numTokens] */
  readonly tokens: Int32Array;
  /** [numSequences, numTokens, vocabularyWidth], from transformers in float32. */
  readonly logits: Float32Array;
}

export function referenceLogits(name: string): ReferenceLogits {
  const file = readFileSync(join(tinyFolder, `${name}.reference.safetensors`));
  const dataStart = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, dataStart));
  const bytesOf = (tensor: string): ArrayBuffer => {
    const [start, end] = header[tensor].data_offsets;
    return new Uint8Array(file.subarray(dataStart + start, dataStart + end)).buffer;
  };
  const [numSequences, numTokens, vocabularyWidth] = header.logits.shape;
  return {
    numSequences,
    numTokens,
    vocabularyWidth,
    tokens: new Int32Array(bytesOf("tokens")),
    logits: new Float32Array(bytesOf("logits")),
  };
}

/** Two sequences of 48 tokens and their shared blocks fit; 32 rows of logits are read a step. */
const limits = {
  blockSize: 16,
  numBlocks: 8,
  kvDtype: "f16",
  maxModelLen: 64,
  maxNumSeqs: 32,
  maxNumBatchedTokens: 96,
  maxLogprobs: 4,
} as const;

/** Loads a tiny checkpoint as it is stored, hands it to `body`, and closes it. */
async function withTiny(
  name: string,
  backend: Backend,
  body: (model: LoadedModel) => Promise<void>,
): Promise<void> {
  const folder = join(tinyFolder, name);
  const program = buildProgram(readHuggingFaceConfig(folder), readSafetensorsFolder(folder), {
    quantization: null,
  });
  const model = await backend.load(program, limits);
  try {
    await body(model);
  } finally {
    await model.close();
  }
}

const blocksPerSequence = limits.maxModelLen / limits.blockSize;

/** Runs one step per chunk, all sequences side by side, and hands over every row of logits. */
async function runChunks(
  model: LoadedModel,
  reference: ReferenceLogits,
  chunkTokens: number,
  visit: (sequence: number, position: number, logits: Float32Array) => void,
): Promise<void> {
  for (let start = 0; start < reference.numTokens; start += chunkTokens) {
    const numTokens = Math.min(chunkTokens, reference.numTokens - start);
    const numOutputs = Math.min(numTokens, maxRowsRead / reference.numSequences);
    const outputs = Array.from({ length: numOutputs }, (_, i) => numTokens - numOutputs + i);
    const slices = Array.from(
      { length: reference.numSequences },
      (_, sequence): Slice => ({
        tokenIds: tokensOf(reference, sequence).slice(start, start + numTokens),
        startPosition: start,
        blockTable: ownBlocks(sequence),
        outputs,
      }),
    );
    writeSlices(model.inputs, limits.blockSize, slices);
    await model.step();
    for (const sequence of slices.keys())
      for (const [i, offset] of outputs.entries())
        visit(sequence, start + offset, model.logitsRow(sequence * numOutputs + i));
  }
}

const maxRowsRead = 32;

const ownBlocks = (sequence: number): readonly number[] =>
  Array.from({ length: blocksPerSequence }, (_, i) => sequence * blocksPerSequence + i);

function tokensOf(reference: ReferenceLogits, sequence: number): readonly number[] {
  const start = sequence * reference.numTokens;
  return [...reference.tokens.subarray(start, start + reference.numTokens)];
}

function expectClose(
  reference: ReferenceLogits,
  sequence: number,
  position: number,
  actual: Float32Array,
  tolerance: number,
): void {
  const { numTokens, vocabularyWidth, logits } = reference;
  const start = (sequence * numTokens + position) * vocabularyWidth;
  const expected = logits.subarray(start, start + vocabularyWidth);
  assert.equal(actual.length, vocabularyWidth);
  const largest = expected.reduce(
    (max, logit, i) => Math.max(max, Math.abs(logit - (actual[i] ?? Number.NaN))),
    0,
  );
  assert.ok(largest <= tolerance, `sequence ${sequence}, position ${position}: |Δlogit| = ${largest}`);
}

/** Last positions of both sequences whose bits are compared between ways to cut a prompt. */
const comparedPositions = maxRowsRead / 2;

/**
 * Registers the suite. `tolerance` is the largest absolute difference of a logit; whatever it is, the bits of a logit may
 * not depend on how the prompt was cut.
 */
export function describeCheckpointConformance(name: string, backend: Backend, tolerance: number): void {
  describe(`${name}: tiny checkpoints against transformers`, () => {
    for (const checkpoint of tinyCheckpoints) {
      it(`${checkpoint}: whole, in chunks of 16 and 7, token by token`, () =>
        withTiny(checkpoint, backend, (model) => checkCuts(model, referenceLogits(checkpoint), tolerance)));
      it(`${checkpoint}: hidden states after the final norm, however the prompt is cut`, () =>
        withTiny(checkpoint, backend, (model) =>
          checkHiddenStates(model, referenceLogits(checkpoint), referenceHidden(checkpoint), tolerance),
        ));
      it(`${checkpoint}: a prefix out of another sequence's blocks`, () =>
        withTiny(checkpoint, backend, (model) =>
          checkSharedPrefix(model, referenceLogits(checkpoint), tolerance),
        ));
    }
  });
}

async function checkCuts(model: LoadedModel, reference: ReferenceLogits, tolerance: number): Promise<void> {
  const firstBits = new Map<string, Float32Array>();
  for (const chunkTokens of [reference.numTokens, 16, 7, 1])
    await runChunks(model, reference, chunkTokens, (sequence, position, logits) => {
      expectClose(reference, sequence, position, logits, tolerance);
      if (position < reference.numTokens - comparedPositions) return;
      const key = `${sequence}:${position}`;
      const earlier = firstBits.get(key);
      if (earlier === undefined) firstBits.set(key, Float32Array.from(logits));
      else assert.deepEqual(logits, earlier, `chunks of ${chunkTokens} change position ${key}`);
    });
  assert.equal(firstBits.size, reference.numSequences * comparedPositions);
}

/** For each sequence: the mean over its positions and the state of the last one, [hiddenWidth]. */
interface ReferenceHidden {
  readonly mean: readonly (readonly number[])[];
  readonly last: readonly (readonly number[])[];
}

/** Made by tests/fixtures/make_hidden_states.py, from transformers in float32. */
function referenceHidden(name: string): ReferenceHidden {
  return JSON.parse(readFileSync(join(tinyFolder, "../hidden-states.json"), "utf8"))[name];
}

/** No output row is asked for: the states must not depend on the head having run. */
async function checkHiddenStates(
  model: LoadedModel,
  reference: ReferenceLogits,
  expected: ReferenceHidden,
  tolerance: number,
): Promise<void> {
  for (const sequence of [0, 1]) {
    const tokens = tokensOf(reference, sequence);
    let firstStates: Float32Array[] | null = null;
    for (const chunkTokens of [tokens.length, 7]) {
      const states: Float32Array[] = [];
      for (let start = 0; start < tokens.length; start += chunkTokens) {
        const tokenIds = tokens.slice(start, start + chunkTokens);
        const slice = { tokenIds, startPosition: start, blockTable: ownBlocks(sequence), outputs: [] };
        writeSlices(model.inputs, limits.blockSize, [slice]);
        await model.step();
        for (const row of tokenIds.keys()) {
          const state = new Float32Array(model.hiddenWidth);
          model.readHidden(row, state);
          states.push(state);
        }
      }
      firstStates ??= states;
      assert.deepEqual(states, firstStates);
    }
    const states = firstStates ?? [];
    const mean = expected.mean[sequence] ?? [];
    const last = expected.last[sequence] ?? [];
    assert.equal(model.hiddenWidth, mean.length);
    for (const [i, value] of mean.entries()) {
      const sum = states.reduce((total, state) => total + (state[i] ?? Number.NaN), 0);
      assert.ok(Math.abs(sum / states.length - value) <= tolerance, `sequence ${sequence}, mean ${i}`);
      const difference = Math.abs((states.at(-1)?.[i] ?? Number.NaN) - (last[i] ?? Number.NaN));
      assert.ok(difference <= tolerance, `sequence ${sequence}, last ${i}: ${difference}`);
    }
  }
}

async function checkSharedPrefix(
  model: LoadedModel,
  reference: ReferenceLogits,
  tolerance: number,
): Promise<void> {
  const tokens = tokensOf(reference, 0);
  const numShared = 2 * limits.blockSize;
  const [first, second] = ownBlocks(0);
  const whole: Slice = { tokenIds: tokens, startPosition: 0, blockTable: ownBlocks(0), outputs: [] };
  writeSlices(model.inputs, limits.blockSize, [whole]);
  await model.step();
  const rest = tokens.slice(numShared);
  const outputs = rest.map((_, offset) => offset);
  const blockTable = [first ?? 0, second ?? 0, ...ownBlocks(1)].slice(0, blocksPerSequence);
  writeSlices(model.inputs, limits.blockSize, [
    { tokenIds: rest, startPosition: numShared, blockTable, outputs },
  ]);
  await model.step();
  for (const offset of outputs)
    expectClose(reference, 0, numShared + offset, model.logitsRow(offset), tolerance);
}
