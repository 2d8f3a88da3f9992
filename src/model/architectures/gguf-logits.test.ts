import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import type { LoadedModel } from "../../backend/backend.ts";
import { type BackendChoice, createBackend } from "../../backend/create/index.ts";
import { writeSlices } from "../../backend/testing/index.ts";
import { parseGgufConfig } from "../config/gguf-config.ts";
import { referenceLogits } from "../testing/checkpoint-conformance.ts";
import { realModelPath, skipWithoutRealModel } from "../testing/fixtures.ts";
import { readGguf } from "../weights/gguf.ts";
import { buildProgram } from "./build-program.ts";

const fixtures = resolve(import.meta.dirname, "../../../tests/fixtures");

/** A GGUF file in a backend, by default the reference, for one sequence of at most 16 tokens a step. */
async function loadGguf(
  path: string,
  choice: BackendChoice = { name: "reference", kv: "exact" },
): Promise<LoadedModel> {
  const { metadata, tensors } = readGguf(path);
  const program = buildProgram(parseGgufConfig(metadata, tensors), tensors, { quantization: null });
  return (await createBackend(choice)).load(program, {
    blockSize: 16,
    numBlocks: 4,
    kvDtype: "f16",
    maxModelLen: 64,
    // Logits of so many rows are kept.
    maxNumSeqs: 16,
    maxNumBatchedTokens: 16,
    maxLogprobs: 1,
  });
}

/** Runs the tokens in steps of 16 and hands over the logits of each. */
async function runTokens(
  model: LoadedModel,
  tokens: readonly number[],
  visit: (position: number, logits: Float32Array) => void,
): Promise<void> {
  for (let start = 0; start < tokens.length; start += 16) {
    const tokenIds = tokens.slice(start, start + 16);
    const outputs = [...tokenIds.keys()];
    writeSlices(model.inputs, 16, [{ tokenIds, startPosition: start, blockTable: [2, 0, 3, 1], outputs }]);
    await model.step();
    for (const offset of outputs) visit(start + offset, model.logitsRow(offset));
  }
}

describe("GGUF files through a backend", () => {
  // Converted by llama.cpp, which permutes q and k (weights and biases) of Llama and adds 1 to Gemma's norms.
  for (const name of ["llama-wide-head", "gemma3"])
    it(`${name}: the logits of the folder it was converted from`, async () => {
      const model = await loadGguf(join(fixtures, "tiny-gguf", `${name}.gguf`));
      const { tokens, logits, numTokens, vocabularyWidth } = referenceLogits(name);
      await runTokens(model, [...tokens.subarray(0, numTokens)], (position, actual) => {
        const expected = logits.subarray(position * vocabularyWidth, (position + 1) * vocabularyWidth);
        expected.forEach((logit, i) => {
          assert.ok(Math.abs(logit - (actual[i] ?? Number.NaN)) <= 1e-3, `position ${position}, token ${i}`);
        });
      });
    });

  // Three layers, every matrix in another of the encodings that are transcoded; NVFP4 with a factor beside it.
  const everyEncoding = join(fixtures, "tiny-gguf", "every-encoding");

  it("every encoding: llama.cpp's logits of the same weights in float32", async () => {
    const { tokens, logits, vocabularyWidth } = llamaCppLogits(`${everyEncoding}.json`);
    await runTokens(await loadGguf(`${everyEncoding}.gguf`), tokens, (position, actual) => {
      const expected = logits.subarray(position * vocabularyWidth, (position + 1) * vocabularyWidth);
      expected.forEach((logit, i) => {
        assert.ok(Math.abs(logit - (actual[i] ?? Number.NaN)) <= 1e-3, `position ${position}, token ${i}`);
      });
    });
  });

  for (const kernels of ["wasm", undefined] as const)
    it(`every encoding on the CPU (${kernels ?? "its own choice"}): no farther from float32 than llama.cpp on the same file`, async () => {
      const { tokens, logits, vocabularyWidth, klOfLlamaCpp } = llamaCppLogits(`${everyEncoding}.json`);
      const model = await loadGguf(`${everyEncoding}.gguf`, {
        name: "cpu",
        numThreads: 2,
        ...(kernels === undefined ? {} : { kernels }),
      });
      let sum = 0;
      await runTokens(model, tokens, (position, actual) => {
        const expected = logits.subarray(position * vocabularyWidth, (position + 1) * vocabularyWidth);
        sum += divergence(expected, actual);
      });
      await model.close();
      assert.ok(
        sum / tokens.length < 1.5 * klOfLlamaCpp,
        `${sum / tokens.length}, llama.cpp ${klOfLlamaCpp}`,
      );
    });

  it("SmolLM2 Q4_1: transformers' log-probabilities of the likeliest tokens", {
    skip: skipWithoutRealModel,
  }, async () => {
    const model = await loadGguf(realModelPath);
    const { tokens, topIds, topLogprobs } = scoredText("prose", 6);
    await runTokens(model, tokens, (position, logits) => {
      const normaliser = logSumExp(logits);
      topIds[position]?.forEach((tokenId, i) => {
        const actual = (logits[tokenId] ?? Number.NaN) - normaliser;
        const expected = topLogprobs[position]?.[i] ?? Number.NaN;
        assert.ok(
          Math.abs(actual - expected) <= 1e-3,
          `position ${position}, token ${tokenId}: ${actual}, ${expected}`,
        );
      });
    });
  });
});

interface LlamaCppLogits {
  readonly tokens: readonly number[];
  readonly vocabularyWidth: number;
  /** [numTokens, vocabularyWidth] */
  readonly logits: Float32Array;
  /** Mean Kullback-Leibler divergence (nats) of llama.cpp on the file from these logits. */
  readonly klOfLlamaCpp: number;
}

function llamaCppLogits(path: string): LlamaCppLogits {
  const file = JSON.parse(readFileSync(path, "utf8"));
  return { ...file, logits: new Float32Array(new Uint8Array(Buffer.from(file.logits, "base64")).buffer) };
}

/** Of what `actual` says from what `expected` says, in nats. */
function divergence(expected: Float32Array, actual: Float32Array): number {
  const [ofExpected, ofActual] = [logSumExp(expected), logSumExp(actual)];
  return expected.reduce((sum, logit, i) => {
    const logprob = logit - ofExpected;
    return sum + Math.exp(logprob) * (logprob - ((actual[i] ?? Number.NaN) - ofActual));
  }, 0);
}

const numScored = 64;

/** The first tokens of a text, and of each position the likeliest next tokens with their log-probabilities. */
function scoredText(key: string, numTokens: number) {
  const file = readFileSync(join(fixtures, "smollm2", "scored.safetensors"));
  const dataStart = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, dataStart));
  const startOf = (tensor: string): number => dataStart + header[`${key}.${tensor}`].data_offsets[0];
  const positions = Array.from({ length: numTokens }, (_, position) => position);
  const entries = (position: number) =>
    Array.from({ length: numScored }, (_, i) => 4 * (position * numScored + i));
  return {
    tokens: positions.map((position) => file.readInt32LE(startOf("tokens") + 4 * position)),
    topIds: positions.map((position) =>
      entries(position).map((at) => file.readInt32LE(startOf("top_ids") + at)),
    ),
    topLogprobs: positions.map((position) =>
      entries(position).map((at) => file.readFloatLE(startOf("top_logprobs") + at)),
    ),
  };
}

function logSumExp(logits: Float32Array): number {
  const max = logits.reduce((a, b) => Math.max(a, b));
  return max + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
}
