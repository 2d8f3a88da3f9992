import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import type { BackendLimits, LoadedModel, Program } from "../../backend/backend.ts";
import { createBackend, type KernelChoice } from "../../backend/create/index.ts";
import { type Slice, writeSlices } from "../../backend/testing/index.ts";
import type { KvDtype } from "../../core/kv-layout.ts";
import { parseGgufConfig } from "../config/gguf-config.ts";
import { readHuggingFaceConfig } from "../config/huggingface-config.ts";
import { tinyFolder } from "../testing/fixtures.ts";
import { readGguf } from "../weights/gguf.ts";
import { readSafetensorsFolder } from "../weights/safetensors.ts";
import { buildProgram } from "./build-program.ts";

type Quantization = "int8" | "int4" | null;

interface Division {
  readonly numRanks: number;
  readonly numThreads: number;
  readonly arenaLimitBytes?: number;
  readonly kernels?: KernelChoice;
}

const limits: Omit<BackendLimits, "kvDtype"> = {
  blockSize: 16,
  numBlocks: 120,
  maxModelLen: 1200,
  maxNumSeqs: 40,
  maxNumBatchedTokens: 128,
  maxLogprobs: 2,
};

function folderProgram(checkpoint: string, quantization: Quantization): Program {
  const folder = tinyFolder(checkpoint);
  return buildProgram(readHuggingFaceConfig(folder), readSafetensorsFolder(folder), { quantization });
}

function ggufProgram(name: string): Program {
  const path = join(resolve(import.meta.dirname, "../../../tests/fixtures/tiny-gguf"), name);
  const { metadata, tensors } = readGguf(path);
  return buildProgram(parseGgufConfig(metadata, tensors), tensors, { quantization: null });
}

/** Prompts in chunks, one sequence alone, many sequences at once (their head runs in two pieces), and a long sequence. */
function steps(vocabularyWidth: number): readonly (readonly Slice[])[] {
  const table = (first: number, numBlocks: number) => Array.from({ length: numBlocks }, (_, i) => first + i);
  const tokens = (numTokens: number, seed: number) =>
    Array.from({ length: numTokens }, (_, i) => (seed * 131 + i * 37) % vocabularyWidth);
  const one = { blockTable: table(0, 2), startPosition: 0 };
  const prompt: Slice = { ...one, tokenIds: tokens(19, 1), outputs: [0, 7, 18] };
  const chunk: Slice = { ...one, startPosition: 19, tokenIds: tokens(5, 2), outputs: [4] };
  const alone: Slice = { ...one, startPosition: 24, tokenIds: [vocabularyWidth - 1], outputs: [0] };
  const many = Array.from(
    { length: 37 },
    (_, i): Slice => ({
      blockTable: [2 + i],
      startPosition: 0,
      tokenIds: tokens(1 + (i % 2), 3 + i),
      outputs: [i % 2],
    }),
  );
  const long = Array.from(
    { length: 9 },
    (_, i): Slice => ({
      blockTable: table(40, 75),
      startPosition: 128 * i,
      tokenIds: tokens(i === 8 ? 100 : 128, 50 + i),
      outputs: i === 8 ? [99] : [],
    }),
  );
  const next: Slice = { blockTable: table(40, 75), startPosition: 1124, tokenIds: [5], outputs: [0] };
  return [
    [prompt],
    [chunk, ...many.slice(0, 3)],
    [alone],
    many,
    ...long.map((slice) => [slice]),
    [next],
    [next, alone],
  ];
}

interface Ran {
  /** The last piece of each step. */
  readonly logits: readonly Float32Array[];
  readonly tokenIds: readonly number[];
}

async function run(program: Program, kvDtype: KvDtype, division: Division): Promise<Ran> {
  const backend = await createBackend({ name: "cpu", ...division });
  const model = await backend.load(program, { ...limits, kvDtype });
  try {
    return await runSteps(model, program.vocabularyWidth);
  } finally {
    await model.close();
  }
}

async function runSteps(model: LoadedModel, vocabularyWidth: number): Promise<Ran> {
  const logits: Float32Array[] = [];
  const tokenIds: number[] = [];
  for (const slices of steps(vocabularyWidth)) {
    writeSlices(model.inputs, limits.blockSize, slices);
    await model.step();
    const { numOutputs } = model.inputs;
    for (let output = Math.floor((numOutputs - 1) / 32) * 32; output < numOutputs; output++)
      if (output >= 0) logits.push(model.logitsRow(output).slice());
    tokenIds.push(...model.results.tokenIds.subarray(0, numOutputs));
    model.copyBlocks([0, 118]);
  }
  const hidden = new Float32Array(model.hiddenWidth);
  model.readHidden(0, hidden);
  return { logits: [...logits, hidden], tokenIds };
}

/** Says where the first difference is: the arrays are too long to print. */
function assertSameBits(actual: Ran, expected: Ran, division: string): void {
  assert.equal(actual.logits.length, expected.logits.length);
  actual.logits.forEach((row, i) => {
    const at = row.findIndex((value, column) => !Object.is(value, expected.logits[i]?.[column]));
    assert.equal(at, -1, `${division}: row ${i} of ${actual.logits.length} differs in column ${at}`);
  });
  assert.deepEqual(actual.tokenIds, expected.tokenIds, division);
}

const divisions: readonly Division[] = [
  { numRanks: 2, numThreads: 2 },
  { numRanks: 3, numThreads: 3 },
  { numRanks: 4, numThreads: 4 },
];

async function assertSame(
  program: Program,
  kvDtype: KvDtype,
  {
    kernels,
    among = divisions,
  }: { readonly kernels?: KernelChoice; readonly among?: readonly Division[] } = {},
): Promise<void> {
  const chosen = kernels === undefined ? {} : { kernels };
  const whole = await run(program, kvDtype, { numRanks: 1, numThreads: 2, ...chosen });
  assert.ok(whole.logits.every((row) => row.every(Number.isFinite)));
  for (const division of among)
    assertSameBits(await run(program, kvDtype, { ...division, ...chosen }), whole, JSON.stringify(division));
}

describe("ranks: the same bits as without them", () => {
  const folders: readonly [checkpoint: string, kv: KvDtype, quantization: Quantization][] = [
    ["llama-gqa-rope-scaled", "f16", null],
    ["mistral-sliding-window", "int4", "int8"],
    ["gemma2", "int8", null],
    ["gemma3", "f16", "int8"],
    ["phi3", "int4", "int4"],
    ["qwen2", "f16", "int4"],
    ["qwen3", "int8", null],
    ["granite", "f16", null],
  ];
  for (const [checkpoint, kvDtype, quantization] of folders)
    it(`${checkpoint}, ${kvDtype} KV, weights ${quantization ?? "as stored"}`, () =>
      assertSame(folderProgram(checkpoint, quantization), kvDtype));

  for (const name of ["every-encoding.gguf", "llama-wide-head.gguf", "gemma3.gguf"])
    it(`${name}`, () => assertSame(ggufProgram(name), "f16"));

  it("with an odd number of heads, which fewer ranks divide unevenly, and several threads a rank", () =>
    assertSame(folderProgram("llama-tied-odd-heads", "int4"), "int8", {
      among: [
        { numRanks: 2, numThreads: 4 },
        { numRanks: 3, numThreads: 3 },
      ],
    }));

  it("olmo2, whose norms are of all heads together", () =>
    assertSame(folderProgram("olmo2", null), "f16", { among: [{ numRanks: 2, numThreads: 2 }] }));

  it("with WebAssembly kernels", () =>
    assertSame(folderProgram("qwen2", "int8"), "int4", { kernels: "wasm" }));

  it("refuses more ranks than there are query heads, and threads that ranks cannot share", async () => {
    const ranks = (numRanks: number) => ({ numRanks, numThreads: numRanks });
    await assert.rejects(run(folderProgram("llama-tied-odd-heads", null), "f16", ranks(4)), {
      code: "invalid_option",
      message: "4 ranks cannot divide the model: its 3 query heads are enough for 3.",
    });
    await assert.rejects(run(folderProgram("olmo2", null), "f16", ranks(3)), {
      code: "invalid_option",
      message: "olmo2 norms all 2 KV heads of a layer together, so 3 ranks cannot divide them.",
    });
    await assert.rejects(run(folderProgram("qwen3", null), "f16", { numRanks: 2, numThreads: 3 }), {
      code: "invalid_option",
      message: "3 threads cannot be divided among 2 ranks.",
    });
  });

  it("with layers in several arenas", async () => {
    const program = folderProgram("gemma2", null);
    const whole = await run(program, "f16", { numRanks: 1, numThreads: 1 });
    const spread = await run(program, "f16", { numRanks: 2, numThreads: 2, arenaLimitBytes: 6_000_000 });
    assertSameBits(spread, whole, "three arenas");
  });
});
