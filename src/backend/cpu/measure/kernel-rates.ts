/**
 * @module Speed of single kernels on one thread. Each figure is the best of several rounds: it is about the code, and not about
 * other work on the machine.
 */

import { type KvDtype, layerBlockBytes } from "../../../core/kv-layout.ts";
import type { WeightStorage } from "../../../core/weight-storage.ts";
import { seededFloats } from "../../seeded-numbers.ts";
import { bindKernelSource, chooseKernelSource } from "../choose-kernels.ts";
import { packedMatrixBytes } from "../footprint/weight-layout.ts";
import {
  attentionScratchBytes,
  quantizedBytes,
  sampleScratchBytes,
  storeKvScratchBytes,
} from "../footprint/workspace-layout.ts";
import type { KernelChoice } from "../kernel-choices.ts";
import { addressOf } from "../kernels/machine-code/loading/loader.ts";
import { BoundArena } from "../kernels/self-test/bound-arena.ts";

export interface KernelRate {
  readonly kernel: string;
  readonly shape: string;
  readonly value: number;
  readonly unit: "GMAC/s" | "GB/s" | "ms";
}

type ArenaMaker = (numBytes: number) => BoundArena;

const numRounds = 9;
const roundMs = 12;
/** V8 first runs unoptimized code of a new function while it compiles an optimized version. */
const warmUpMs = 80;

/** Best milliseconds of one call of each. They take turns in every round, so changes of the machine's speed affect all alike. */
function bestMsInTurns(works: readonly (() => void)[]): number[] {
  const timed = works.map((work) => ({ work, numCalls: 1, best: Number.POSITIVE_INFINITY }));
  for (const { work } of timed)
    for (const start = performance.now(); performance.now() < start + warmUpMs; ) work();
  for (let round = 0; round < numRounds; round++)
    for (const one of timed) {
      const start = performance.now();
      for (let i = 0; i < one.numCalls; i++) one.work();
      const perCall = (performance.now() - start) / one.numCalls;
      if (round > 1) one.best = Math.min(one.best, perCall);
      one.numCalls = Math.max(1, Math.round(roundMs / perCall));
    }
  return timed.map(({ best }) => best);
}

const bestMs = (work: () => void): number => bestMsInTurns([work])[0] ?? Number.NaN;

const matmulKernels = {
  q4: "matmulQ4",
  q8: "matmulQ8",
  f32: "matmulF32",
  f16: "matmulF16",
  bf16: "matmulBf16",
} as const satisfies Record<WeightStorage, string>;

const numCols = 576;

/** `numRows` rows of `numCols`, for up to `most` tokens. @returns a function from a number of tokens to a call that multiplies them once */
function productBy(
  makeArena: ArenaMaker,
  storage: WeightStorage,
  numRows: number,
  most: number,
): (numTokens: number) => () => void {
  const weightBytes = packedMatrixBytes(storage, numRows, numCols);
  const arena = makeArena(weightBytes + most * (4 * numRows + 8 * numCols) + 65536 * 4);
  const weights = arena.take(weightBytes);
  // 0x11 everywhere: small finite scales in every type.
  arena.bytes.fill(0x11, weights, weights + weightBytes);
  const input = arena.floats(seededFloats(1, most * numCols));
  const tokenPacks = arena.take(quantizedBytes(most, numCols));
  arena.run("quantizeRows", { input, inputStride: 4 * numCols, out: tokenPacks, width: numCols }, 0, most);
  const out = arena.take(4 * most * numRows);
  const isQuantized = storage === "q4" || storage === "q8";
  const job = {
    input: isQuantized ? tokenPacks : input,
    inputStride: 4 * numCols,
    weights,
    numRows,
    numCols,
    out,
    outStride: 4 * numRows,
    bias: 0,
    scale: 1,
    accumulate: 0,
  };
  const whole = { start: 0, end: numRows / 8 };
  return (numTokens) => arena.prepare(matmulKernels[storage], { ...job, numTokens }, whole);
}

/** 256 × 576 stays in the second-level cache, 49152 × 576 does not fit any. */
function matmulFigures(
  makeArena: ArenaMaker,
  storage: WeightStorage,
  numRows: number,
  tokenCounts: readonly number[],
): KernelRate[] {
  const product = productBy(makeArena, storage, numRows, Math.max(...tokenCounts));
  const weightBytes = packedMatrixBytes(storage, numRows, numCols);
  return tokenCounts.flatMap((numTokens) => {
    const ms = bestMs(product(numTokens));
    const common = { kernel: matmulKernels[storage], shape: `${numTokens} × ${numRows} × ${numCols}` };
    const rate: KernelRate = {
      ...common,
      value: (numTokens * numRows * numCols) / ms / 1e6,
      unit: "GMAC/s",
    };
    return numTokens === 1 ? [rate, { ...common, value: weightBytes / ms / 1e6, unit: "GB/s" }] : [rate];
  });
}

/** One query row (decode) and a tile of rows (prefill) of SmolLM2's shape at the end of `numTokens` tokens. */
function attentionFigures(makeArena: ArenaMaker, dtype: KvDtype, numTokens: number): KernelRate[] {
  const shape = { numKvHeads: 3, headDim: 64 };
  const [queryHeadsPerKvHead, blockSize] = [3, 16];
  const numHeads = shape.numKvHeads * queryHeadsPerKvHead;
  const numBlocks = numTokens / blockSize;
  const kvBytes = numBlocks * layerBlockBytes(dtype, shape, blockSize);
  const arena = makeArena(kvBytes + numTokens * 4 * 64 * 8 + (1 << 20));
  const width = shape.numKvHeads * shape.headDim;
  const kv = arena.take(kvBytes);
  const numbers = arena.floats(seededFloats(3, numTokens * width));
  const rowIds = arena.ints(Array.from({ length: numTokens }, (_, i) => i));
  const stride = 4 * width;
  const store = {
    key: numbers,
    keyStride: stride,
    value: numbers,
    valueStride: stride,
    numTokens,
    slots: rowIds,
    kv,
    ...shape,
    scratch: arena.take(storeKvScratchBytes(shape.headDim)),
  };
  const suffix = ({ f16: "F16", int8: "Int8", int4: "Int4" } as const)[dtype];
  const storeMs = bestMs(() => arena.run(`storeKv${suffix}`, store, 0, shape.numKvHeads));
  const queryStride = 4 * numHeads * shape.headDim;
  const query = arena.floats(seededFloats(4, numHeads * shape.headDim * 4));
  const items = arena.take(32);
  const job = {
    query,
    queryStride,
    out: query,
    outStride: queryStride,
    kv,
    ...shape,
    queryHeadsPerKvHead,
    scale: 0.125,
    softcap: 0,
    window: 0,
    blockSize,
    blockTables: rowIds,
    maxBlocksPerSequence: numBlocks,
    positions: rowIds + 4 * (numTokens - 4),
    items,
    partials: 0,
    scratch: arena.take(attentionScratchBytes(shape.headDim, queryHeadsPerKvHead)),
  };
  const rates = [1, 4].map((numRows): KernelRate => {
    arena.i32.set([0, 4 - numRows, numRows, 0, Math.ceil(numTokens / 512), -1, 0, 0], items / 4);
    const ms = bestMs(() => arena.run(`attention${suffix}`, job, 0, shape.numKvHeads));
    const numMacs = 2 * numRows * numHeads * shape.headDim * numTokens;
    const shapeText = `${numRows} rows over ${numTokens} tokens`;
    return { kernel: `attention${suffix}`, shape: shapeText, value: numMacs / ms / 1e6, unit: "GMAC/s" };
  });
  return [...rates, { kernel: `storeKv${suffix}`, shape: `${numTokens} tokens`, value: storeMs, unit: "ms" }];
}

function sampleFigures(makeArena: ArenaMaker): KernelRate[] {
  const [numRows, vocabularyWidth] = [32, 49152];
  const arena = makeArena(4 * numRows * vocabularyWidth + sampleScratchBytes(vocabularyWidth) + (1 << 20));
  const logits = arena.floats(seededFloats(5, numRows * vocabularyWidth, 10));
  const fill = (value: number): number => arena.floats(new Float32Array(numRows + 1).fill(value));
  const zeros = fill(0);
  const results = arena.take(4 * numRows);
  const job = {
    logits,
    logitsStride: 4 * vocabularyWidth,
    vocabularyWidth,
    firstOutput: 0,
    targetTokenIds: arena.ints(new Int32Array(numRows).fill(-1)),
    numTopLogprobs: zeros,
    wantsLogprob: zeros,
    temperature: zeros,
    topK: zeros,
    topP: fill(1),
    minP: zeros,
    uniform: arena.doubles(new Float64Array(numRows).fill(0.5)),
    repetitionPenalty: fill(1),
    frequencyPenalty: zeros,
    presencePenalty: zeros,
    seenStarts: zeros,
    seenTokenIds: zeros,
    seenCounts: zeros,
    biasStarts: zeros,
    biasTokenIds: zeros,
    biasValues: zeros,
    maskNumbers: zeros,
    masks: zeros,
    resultTokenIds: results,
    resultLogprobs: results,
    resultRanks: results,
    resultTopTokenIds: results,
    resultTopLogprobs: results,
    maxLogprobs: 0,
    scratch: arena.take(sampleScratchBytes(vocabularyWidth)),
  };
  const cases = {
    greedy: job,
    "temperature 1": { ...job, temperature: fill(1) },
    "top_k 40, top_p 0.9": {
      ...job,
      temperature: fill(0.8),
      topP: fill(0.9),
      topK: arena.ints(new Int32Array(numRows).fill(40)),
    },
    "with log-probability": { ...job, wantsLogprob: arena.raw(new Uint8Array(numRows).fill(1)) },
  };
  return Object.entries(cases).map(([name, values]) => ({
    kernel: "sample",
    shape: `${numRows} rows × ${vocabularyWidth}, ${name}`,
    value: bestMs(() => arena.run("sample", values, 0, numRows)),
    unit: "ms",
  }));
}

async function arenaMaker(kernels: KernelChoice): Promise<ArenaMaker> {
  const source = await chooseKernelSource(kernels);
  const bind = (memory: WebAssembly.Memory) => bindKernelSource(source, memory).kernelSet;
  return (numBytes) => new BoundArena(numBytes, bind, source.machineCode === null ? undefined : addressOf);
}

/** A product's rate in GMAC/s, and WebAssembly's at the same moment. */
export interface ProductRates {
  readonly shape: string;
  readonly rate: number;
  readonly wasmRate: number;
}

const productRows = 256;

/** `matmulQ4` of 256 × 576 weights with each number of tokens, in turns with WebAssembly. */
export async function productRates(
  kernels: Exclude<KernelChoice, "wasm">,
  tokenCounts: readonly number[],
): Promise<readonly ProductRates[]> {
  const most = Math.max(...tokenCounts);
  const own = productBy(await arenaMaker(kernels), "q4", productRows, most);
  const wasm = productBy(await arenaMaker("wasm"), "q4", productRows, most);
  return tokenCounts.map((numTokens) => {
    const numMacs = numTokens * productRows * numCols;
    const [ownMs = Number.NaN, wasmMs = Number.NaN] = bestMsInTurns([own(numTokens), wasm(numTokens)]);
    const shape = `${numTokens} × ${productRows} × ${numCols}`;
    return { shape, rate: numMacs / ownMs / 1e6, wasmRate: numMacs / wasmMs / 1e6 };
  });
}

/** Every rate of one kernel set. */
export async function kernelRates(kernels: KernelChoice): Promise<readonly KernelRate[]> {
  const makeArena = await arenaMaker(kernels);
  const columns = [1, 2, 3, 4, 8, 64];
  return [
    ...(["q4", "q8"] as const).flatMap((storage) => matmulFigures(makeArena, storage, 256, columns)),
    ...(["q4", "q8"] as const).flatMap((storage) => matmulFigures(makeArena, storage, 49152, [1, 4])),
    ...(["f32", "f16", "bf16"] as const).flatMap((storage) => matmulFigures(makeArena, storage, 256, [1, 4])),
    ...(["f16", "int8", "int4"] as const).flatMap((dtype) => attentionFigures(makeArena, dtype, 2048)),
    ...sampleFigures(makeArena),
  ];
}
