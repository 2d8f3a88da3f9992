/** @module Cases for the operations that treat each row separately. */
import { describe, it } from "node:test";
import type { Backend } from "../backend.ts";
import type { Operation, RopeTable } from "../program.ts";
import { expectSameLogits, singleSlice, stepBoth, withPair } from "./compare.ts";
import { RandomNumbers } from "./random-numbers.ts";
import { numTokenIds, SmallProgram } from "./small-program.ts";

/** Relative: float32 rounding and the error of a vectorised exp or tanh. */
const tolerance = 1e-4;
/** Below, at and past the widths of vectors. */
const widths = [1, 3, 4, 7, 8, 31, 32, 33, 63, 64, 100, 257];
const rowCounts = [1, 2, 3, 5, 33, 128];

/** Runs `program` at several numbers of rows. */
async function checkRows(
  backend: Backend,
  small: SmallProgram,
  observed: number,
  head?: (logits: number) => readonly Operation[],
): Promise<void> {
  await withPair(backend, small.build(observed, head), {}, async (pair) => {
    for (const numRows of rowCounts) {
      await stepBoth(pair, [singleSlice(numRows, numRows)]);
      expectSameLogits(pair, tolerance, `${numRows} rows`);
    }
  });
}

function randomInput(small: SmallProgram, width: number): number {
  return small.input(width, small.random.normals(numTokenIds * width));
}

export function describeRowCases(backend: Backend): void {
  describe("rows", () => {
    for (const width of widths) {
      it(`embed and gatherOutputs, width ${width}`, () => {
        const small = new SmallProgram(new RandomNumbers(width));
        return checkRows(backend, small, randomInput(small, width));
      });
      it(`rmsNorm into another buffer and in place, width ${width}`, () => checkNorm(backend, width));
      it(`glu, width ${width}`, () => checkGlu(backend, width));
      it(`add and softcap, width ${width}`, () => checkAddAndSoftcap(backend, width));
    }
    it("embed from f16, bf16 with a scale", () => checkEmbedTypes(backend));
    it("embed from a quantized table", () => checkQuantizedEmbed(backend));
    it("a norm's weight stored as weight − 1, in f16 and bf16", () => checkNormTypes(backend));
    for (const headDim of [2, 4, 6, 16, 32, 64, 80, 128, 256])
      it(`headNorm and rope, headDim ${headDim}`, () => checkHeads(backend, headDim));
  });
}

async function checkNorm(backend: Backend, width: number): Promise<void> {
  const small = new SmallProgram(new RandomNumbers(100 + width));
  const input = randomInput(small, width);
  const out = small.buffer("normed", width);
  small.run({ kind: "rmsNorm", input, weightId: small.vector(width), out, eps: 1e-6 });
  small.run({ kind: "rmsNorm", input: out, weightId: small.vector(width), out, eps: 1e-2 });
  small.run({ kind: "add", input, out, scale: 0.5 });
  await checkRows(backend, small, out);
}

async function checkNormTypes(backend: Backend): Promise<void> {
  for (const type of ["F16", "BF16", "F32"] as const) {
    const small = new SmallProgram(new RandomNumbers(7));
    const input = randomInput(small, 48);
    const weightId = small.vector(48, type, { addOne: true });
    small.run({ kind: "rmsNorm", input, weightId, out: input, eps: 1e-5 });
    await checkRows(backend, small, input);
  }
}

async function checkEmbedTypes(backend: Backend): Promise<void> {
  for (const type of ["F16", "BF16"] as const) {
    const small = new SmallProgram(new RandomNumbers(8));
    await checkRows(backend, small, small.input(50, small.random.normals(numTokenIds * 50), type, 7.5));
  }
}

async function checkQuantizedEmbed(backend: Backend): Promise<void> {
  for (const [type, storage, width, allowed] of [
    ["Q4_0", "q4", 96, tolerance],
    ["Q4_1", "q4", 32, tolerance],
    ["Q8_0", "q8", 288, tolerance],
    // Scales are rounded to f16, or the numbers to 8 bits, on the way into the packed layout.
    ["Q4_K", "q4", 256, 2e-2],
    ["Q6_K", "q8", 512, 2e-2],
  ] as const) {
    const small = new SmallProgram(new RandomNumbers(9));
    const weightId = small.matrix({ numRows: numTokenIds, numCols: width, storage }, type, null);
    const out = small.buffer("input", width);
    small.run({ kind: "embed", weightId, out, scale: 1.5 });
    await withPair(backend, small.build(out), {}, async (pair) => {
      await stepBoth(pair, [singleSlice(33)]);
      expectSameLogits(pair, allowed, type);
    });
  }
}

async function checkGlu(backend: Backend, width: number): Promise<void> {
  for (const activation of ["silu", "geluTanh"] as const) {
    const small = new SmallProgram(new RandomNumbers(200 + width));
    const values = small.random.normals(numTokenIds * 2 * width).map((x) => 4 * x);
    const out = small.buffer("glu", width);
    small.run({ kind: "glu", input: small.input(2 * width, values), out, activation });
    await checkRows(backend, small, out);
  }
}

async function checkAddAndSoftcap(backend: Backend, width: number): Promise<void> {
  const small = new SmallProgram(new RandomNumbers(300 + width));
  const input = randomInput(small, width);
  const out = small.buffer("sum", width);
  small.run({ kind: "rmsNorm", input, weightId: small.vector(width), out, eps: 1e-6 });
  small.run({ kind: "add", input, out, scale: -0.75 });
  await checkRows(backend, small, out, (logits) => [{ kind: "softcap", buffer: logits, cap: 1.5 }]);
}

/** Three query heads and two key heads next to each other, after two columns that must not change. */
async function checkHeads(backend: Backend, headDim: number): Promise<void> {
  for (const rotaryDim of new Set([headDim, headDim / 2 - ((headDim / 2) % 2)])) {
    if (rotaryDim === 0) continue;
    const small = new SmallProgram(new RandomNumbers(400 + headDim), { ropeTables: [tableOf(rotaryDim)] });
    const skipped = 4;
    const bufferId = randomInput(small, skipped + 5 * headDim);
    const weightId = small.vector(headDim);
    small.run({
      kind: "headNorm",
      at: { bufferId, offset: skipped },
      numHeads: 3,
      headDim,
      weightId,
      eps: 1e-6,
    });
    small.run({
      kind: "rope",
      at: { bufferId, offset: skipped + headDim },
      numHeads: 4,
      headDim,
      rotaryDim,
      ropeId: 0,
    });
    await checkRows(backend, small, bufferId);
  }
}

function tableOf(rotaryDim: number): RopeTable {
  const inverseFrequencies = Array.from(
    { length: rotaryDim / 2 },
    (_, i) => 10_000 ** ((-2 * i) / rotaryDim),
  );
  return { inverseFrequencies, attentionFactor: 1.25 };
}
