/** @module Cases for the paged cache and attention: head shapes, windows, softcaps, block sizes, dtypes, long contexts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KvDtype } from "../../core/kv-layout.ts";
import type { Backend } from "../backend.ts";
import type { Program } from "../program.ts";
import { expectSameLogits, type Pair, stepBoth, withPair } from "./compare.ts";
import { RandomNumbers } from "./random-numbers.ts";
import type { Slice } from "./slices.ts";
import { numTokenIds, SmallProgram } from "./small-program.ts";

/**
 * Relative to a row's size. Every backend rounds f16 alike. A number between two steps of int8 or int4 may be rounded either way,
 * which moves it by one step: for int4 a third of its size, spread over a rotated head of 16 or more columns, and a context may be
 * a single token.
 */
const tolerances: Readonly<Record<KvDtype, number>> = { f16: 2e-4, int8: 2e-2, int4: 0.15 };

interface AttentionShape {
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly softcap?: number;
  readonly window?: number;
}

export function describeAttentionCases(backend: Backend): void {
  describe("attention", () => {
    for (const shape of shapes)
      for (const dtype of ["f16", "int8", "int4"] as const)
        it(`${JSON.stringify(shape)}, ${dtype}`, () => checkShape(backend, shape, dtype, 16));
    for (const blockSize of [32, 64])
      for (const dtype of ["f16", "int8", "int4"] as const)
        it(`blocks of ${blockSize}, ${dtype}`, () =>
          checkShape(backend, shapes[0] ?? oneHead, dtype, blockSize));
    it("700 tokens of context", () => checkLong(backend, {}));
    it("700 tokens of context, window of 530", () => checkLong(backend, { window: 530 }));
    it("a sequence continues in copied blocks", () => checkCopiedBlocks(backend));
    for (const dtype of ["f16", "int8", "int4"] as const)
      it(`${dtype}: the bits of a row do not depend on how the prompt was cut`, () =>
        checkBits(backend, dtype));
  });
}

const oneHead: AttentionShape = { numHeads: 1, numKvHeads: 1, headDim: 32 };
const shapes: readonly AttentionShape[] = [
  { numHeads: 6, numKvHeads: 2, headDim: 32 },
  oneHead,
  { numHeads: 4, numKvHeads: 4, headDim: 16 },
  { numHeads: 3, numKvHeads: 1, headDim: 64 },
  { numHeads: 8, numKvHeads: 1, headDim: 80 },
  { numHeads: 2, numKvHeads: 1, headDim: 128 },
  { numHeads: 2, numKvHeads: 2, headDim: 256 },
  { numHeads: 4, numKvHeads: 2, headDim: 32, softcap: 5 },
  { numHeads: 4, numKvHeads: 2, headDim: 32, window: 16 },
  { numHeads: 4, numKvHeads: 2, headDim: 32, window: 1 },
  { numHeads: 9, numKvHeads: 3, headDim: 64, window: 21, softcap: 2 },
];

function programOf({ numHeads, numKvHeads, headDim, softcap, window }: AttentionShape): Program {
  const small = new SmallProgram(new RandomNumbers(headDim), { kv: { numKvHeads, headDim } });
  const [queryWidth, keyWidth] = [numHeads * headDim, numKvHeads * headDim];
  const width = queryWidth + 2 * keyWidth;
  const bufferId = small.input(width, small.random.normals(numTokenIds * width));
  const out = small.buffer("attention", queryWidth);
  small.run({
    kind: "storeKv",
    key: { bufferId, offset: queryWidth },
    value: { bufferId, offset: queryWidth + keyWidth },
    kvLayer: 0,
  });
  small.run({
    kind: "attention",
    query: { bufferId, offset: 0 },
    out,
    kvLayer: 0,
    numHeads,
    scale: 1 / Math.sqrt(headDim),
    softcap: softcap ?? null,
    window: window ?? null,
  });
  return small.build(out);
}

/** A sequence that grows by slices, in blocks of no particular order. */
class GrowingSequence {
  readonly #random: RandomNumbers;
  readonly #blockTable: readonly number[];
  #numTokens = 0;

  constructor(seed: number, blockTable: readonly number[]) {
    this.#random = new RandomNumbers(seed);
    this.#blockTable = blockTable;
  }

  next(numTokens: number, numOutputs = Math.min(numTokens, 8)): Slice {
    const startPosition = this.#numTokens;
    this.#numTokens += numTokens;
    return {
      tokenIds: Array.from({ length: numTokens }, () => this.#random.below(numTokenIds)),
      startPosition,
      blockTable: this.#blockTable,
      outputs: Array.from({ length: numOutputs }, (_, i) => numTokens - numOutputs + i),
    };
  }
}

/** Two prompts in chunks, a third one later, then all three decode in the same steps. */
async function checkShape(
  backend: Backend,
  shape: AttentionShape,
  kvDtype: KvDtype,
  blockSize: number,
): Promise<void> {
  const numBlocks = 4 * 3;
  const order = new RandomNumbers(3).permutation(numBlocks);
  const [a, b, c] = [0, 1, 2].map((i) => new GrowingSequence(i, order.slice(4 * i, 4 * i + 4)));
  assert.ok(a && b && c);
  const limits = { kvDtype, blockSize, numBlocks, maxModelLen: 4 * blockSize };
  await withPair(backend, programOf(shape), limits, async (pair) => {
    const check = async (...slices: Slice[]): Promise<void> => {
      await stepBoth(pair, slices);
      expectSameLogits(pair, tolerances[kvDtype], slices.map((s) => `+${s.tokenIds.length}`).join(" "));
    };
    await check(a.next(1));
    await check(a.next(17), b.next(5));
    await check(b.next(28), c.next(3), a.next(1));
    for (let step = 0; step < 5; step++) await check(a.next(1), b.next(1), c.next(2));
  });
}

async function checkLong(backend: Backend, extra: Pick<AttentionShape, "window">): Promise<void> {
  const order = new RandomNumbers(4).permutation(48);
  const sequence = new GrowingSequence(9, order);
  const program = programOf({ numHeads: 4, numKvHeads: 2, headDim: 32, ...extra });
  await withPair(backend, program, { numBlocks: 48, maxModelLen: 768 }, async (pair) => {
    for (const numTokens of [128, 128, 128, 120, 9, 1, 1, 128, 57, 1, 1])
      await stepAndCompare(pair, sequence.next(numTokens));
  });
}

async function stepAndCompare(pair: Pair, slice: Slice): Promise<void> {
  await stepBoth(pair, [slice]);
  expectSameLogits(pair, tolerances.f16, `from position ${slice.startPosition}`);
}

/** Both continue a prompt whose blocks were copied. They must read the copy, since the original is overwritten. */
async function checkCopiedBlocks(backend: Backend): Promise<void> {
  await withPair(backend, programOf(oneHead), { numBlocks: 8, maxModelLen: 64 }, async (pair) => {
    await stepBoth(pair, [new GrowingSequence(1, [0, 1]).next(20)]);
    for (const model of [pair.tested, pair.reference]) model.copyBlocks([0, 5, 1, 3]);
    await stepBoth(pair, [new GrowingSequence(2, [0, 1]).next(32)]);
    const continued: Slice = { tokenIds: [7], startPosition: 20, blockTable: [5, 3], outputs: [0] };
    await stepAndCompare(pair, continued);
  });
}

async function checkBits(backend: Backend, kvDtype: KvDtype): Promise<void> {
  const tokenIds = Array.from({ length: 40 }, (_, i) => (i * 7) % numTokenIds);
  const program = programOf({ numHeads: 6, numKvHeads: 2, headDim: 64 });
  const limits = { kvDtype, numBlocks: 4, maxModelLen: 64 };
  await withPair(backend, program, limits, async (pair) => {
    const lastRows = new Set<string>();
    for (const chunkTokens of [40, 16, 5, 1]) {
      for (let start = 0; start < tokenIds.length; start += chunkTokens) {
        const chunk = tokenIds.slice(start, start + chunkTokens);
        const slice = {
          tokenIds: chunk,
          startPosition: start,
          blockTable: [2, 0, 1],
          outputs: [chunk.length - 1],
        };
        await stepBoth(pair, [slice]);
      }
      lastRows.add(pair.tested.logitsRow(0).join());
    }
    assert.equal(lastRows.size, 1, "every way to cut the prompt gives the same bits");
  });
}
