/** @module Drives a tiny checkpoint step by step and reads logits: for tests that compare bits. */
import { join } from "node:path";
import type { LoadedModel, Program } from "../../src/backend/backend.ts";
import type { CpuLimits } from "../../src/backend/cpu/footprint/index.ts";
import { createBackend } from "../../src/backend/create/index.ts";
import { SeededNumbers, type Slice, writeSlices } from "../../src/backend/testing/index.ts";
import { buildProgram } from "../../src/model/architectures/build-program.ts";
import type { Quantization } from "../../src/model/architectures/builder/weight-directory.ts";
import { readHuggingFaceConfig } from "../../src/model/config/huggingface-config.ts";
import { tinyFolder } from "../../src/model/testing/checkpoint-conformance.ts";
import { readSafetensorsFolder } from "../../src/model/weights/safetensors.ts";

export const tinyLimits: CpuLimits = {
  blockSize: 16,
  numBlocks: 33 * 4,
  kvDtype: "f16",
  maxModelLen: 64,
  maxNumSeqs: 32,
  maxNumBatchedTokens: 256,
  maxLogprobs: 4,
  numThreads: 2,
};

export function tinyProgram(name: string, quantization: Quantization = null): Program {
  const folder = join(tinyFolder, name);
  return buildProgram(readHuggingFaceConfig(folder), readSafetensorsFolder(folder), { quantization });
}

/** Loads, runs `body` and closes. */
export async function withModel<T>(
  program: Program,
  limits: CpuLimits,
  body: (model: LoadedModel) => Promise<T>,
  options: { readonly arenaLimitBytes?: number } = {},
): Promise<T> {
  const backend = await createBackend({ name: "cpu", ...options, numThreads: limits.numThreads });
  const model = await backend.load(program, limits);
  try {
    return await body(model);
  } finally {
    await model.close();
  }
}

/** `numTokens` random token ids that are the same for a seed every time. */
export function seededTokens(seed: number, numTokens: number, vocabularyWidth: number): number[] {
  const random = new SeededNumbers(seed);
  return Array.from({ length: numTokens }, () => random.below(vocabularyWidth));
}

/** Block ids of the sequence with this number; sequences share none. */
export function ownBlocks(sequence: number): number[] {
  const numBlocks = tinyLimits.maxModelLen / tinyLimits.blockSize;
  return Array.from({ length: numBlocks }, (_, i) => sequence * numBlocks + i);
}

/** Logits of the last token of `tokens`, computed alone, `chunkTokens` at a time. */
export async function logitsAlone(
  model: LoadedModel,
  tokens: readonly number[],
  chunkTokens: number,
): Promise<Float32Array> {
  for (let start = 0; start < tokens.length; start += chunkTokens) {
    const tokenIds = tokens.slice(start, start + chunkTokens);
    const isLast = start + chunkTokens >= tokens.length;
    const outputs = isLast ? [tokenIds.length - 1] : [];
    await stepSlices(model, [{ tokenIds, startPosition: start, blockTable: ownBlocks(0), outputs }]);
  }
  return Float32Array.from(model.logitsRow(0));
}

export async function stepSlices(model: LoadedModel, slices: readonly Slice[]): Promise<void> {
  writeSlices(model.inputs, tinyLimits.blockSize, slices);
  await model.step();
}
