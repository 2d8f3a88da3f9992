import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { maskWords, type SamplingInputs, type StepResults } from "../../../backend.ts";
import { sampleRow } from "../../../reference/sampling.ts";
import { seededFloats } from "../../../seeded-numbers.ts";
import { sampleScratchBytes } from "../../footprint/workspace-layout.ts";
import { wasmArena } from "../testing/wasm-kernels.ts";

interface Row {
  readonly logits: Float32Array;
  readonly target?: number;
  readonly numTop?: number;
  readonly wantsLogprob?: boolean;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly uniform?: number;
  readonly repetition?: number;
  readonly frequency?: number;
  readonly presence?: number;
  /** [token id, times in the output] */
  readonly seen?: readonly (readonly [number, number])[];
  readonly bias?: readonly (readonly [number, number])[];
  /** The row's mask; absent: none. */
  readonly allowed?: readonly number[];
}

const maxLogprobs = 64;

function starts(counts: readonly number[]): Int32Array {
  const out = new Int32Array(counts.length + 1);
  counts.forEach((count, i) => {
    out[i + 1] = (out[i] ?? 0) + count;
  });
  return out;
}

function maskOf({ logits, allowed = [] }: Row): number[] {
  const mask = new Array<number>(maskWords(logits.length)).fill(0);
  for (const tokenId of allowed) mask[tokenId >> 5] = (mask[tokenId >> 5] ?? 0) | (1 << (tokenId & 31));
  return mask;
}

function inputsOf(rows: readonly Row[]): SamplingInputs {
  const floats = (pick: (row: Row) => number): Float32Array => Float32Array.from(rows, pick);
  const ints = (pick: (row: Row) => number): Int32Array => Int32Array.from(rows, pick);
  const seen = rows.flatMap((row) => row.seen ?? []);
  const bias = rows.flatMap((row) => row.bias ?? []);
  return {
    targetTokenIds: ints((row) => row.target ?? -1),
    numTopLogprobs: ints((row) => row.numTop ?? 0),
    wantsLogprob: Uint8Array.from(rows, (row) => (row.wantsLogprob ? 1 : 0)),
    temperature: floats((row) => row.temperature ?? 0),
    topK: ints((row) => row.topK ?? 0),
    topP: floats((row) => row.topP ?? 1),
    minP: floats((row) => row.minP ?? 0),
    uniform: Float64Array.from(rows, (row) => row.uniform ?? 0.5),
    repetitionPenalty: floats((row) => row.repetition ?? 1),
    frequencyPenalty: floats((row) => row.frequency ?? 0),
    presencePenalty: floats((row) => row.presence ?? 0),
    seenStarts: starts(rows.map((row) => row.seen?.length ?? 0)),
    seenTokenIds: Int32Array.from(seen, ([id]) => id),
    seenCounts: Int32Array.from(seen, ([, times]) => times),
    biasStarts: starts(rows.map((row) => row.bias?.length ?? 0)),
    biasTokenIds: Int32Array.from(bias, ([id]) => id),
    biasValues: Float32Array.from(bias, ([, value]) => value),
    maskNumbers: Int32Array.from(rows, (row, i) => (row.allowed === undefined ? 0 : i + 1)),
    masks: Int32Array.from(rows.flatMap((row) => maskOf(row))),
  };
}

function emptyResults(numRows: number): StepResults {
  return {
    tokenIds: new Int32Array(numRows),
    logprobs: new Float32Array(numRows),
    ranks: new Int32Array(numRows),
    topTokenIds: new Int32Array(numRows * maxLogprobs),
    topLogprobs: new Float32Array(numRows * maxLogprobs),
  };
}

function runKernel(rows: readonly Row[]): StepResults {
  const width = rows[0]?.logits.length ?? 0;
  const arena = wasmArena((8 << 20) + 4 * rows.length * width);
  const inputs = inputsOf(rows);
  const place = (values: Int32Array | Float32Array): number =>
    values instanceof Int32Array ? arena.ints(values) : arena.floats(values);
  const all = Float32Array.from(rows.flatMap((row) => Array.from(row.logits)));
  const logits = arena.floats(all);
  const empty = emptyResults(rows.length);
  const results = {
    resultTokenIds: arena.ints(empty.tokenIds),
    resultLogprobs: arena.floats(empty.logprobs),
    resultRanks: arena.ints(empty.ranks),
    resultTopTokenIds: arena.ints(empty.topTokenIds),
    resultTopLogprobs: arena.floats(empty.topLogprobs),
  };
  const job = {
    logits,
    logitsStride: 4 * width,
    vocabularyWidth: width,
    firstOutput: 0,
    targetTokenIds: place(inputs.targetTokenIds),
    numTopLogprobs: place(inputs.numTopLogprobs),
    wantsLogprob: arena.raw(inputs.wantsLogprob),
    temperature: place(inputs.temperature),
    topK: place(inputs.topK),
    topP: place(inputs.topP),
    minP: place(inputs.minP),
    uniform: arena.doubles(inputs.uniform),
    repetitionPenalty: place(inputs.repetitionPenalty),
    frequencyPenalty: place(inputs.frequencyPenalty),
    presencePenalty: place(inputs.presencePenalty),
    seenStarts: place(inputs.seenStarts),
    seenTokenIds: place(inputs.seenTokenIds),
    seenCounts: place(inputs.seenCounts),
    biasStarts: place(inputs.biasStarts),
    biasTokenIds: place(inputs.biasTokenIds),
    biasValues: place(inputs.biasValues),
    maskNumbers: place(inputs.maskNumbers),
    masks: place(inputs.masks),
    ...results,
    maxLogprobs,
    scratch: arena.take(sampleScratchBytes(width)),
  };
  arena.run("sample", job, 0, rows.length);
  assert.deepEqual(arena.readFloats(logits, all.length), all, "the logits are left as they came");
  const readInts = (at: number, length: number): Int32Array => arena.i32.slice(at / 4, at / 4 + length);
  return {
    tokenIds: readInts(results.resultTokenIds, rows.length),
    logprobs: arena.readFloats(results.resultLogprobs, rows.length),
    ranks: readInts(results.resultRanks, rows.length),
    topTokenIds: readInts(results.resultTopTokenIds, empty.topTokenIds.length),
    topLogprobs: arena.readFloats(results.resultTopLogprobs, empty.topLogprobs.length),
  };
}

/** Runs the kernel and the reference over the same rows. */
function assertLikeReference(rows: readonly Row[]): void {
  const actual = runKernel(rows);
  const expected = emptyResults(rows.length);
  rows.forEach((row, o) => {
    sampleRow(row.logits, o, inputsOf(rows), expected);
  });
  assert.deepEqual(actual.tokenIds, expected.tokenIds);
  assert.deepEqual(actual.ranks, expected.ranks);
  assert.deepEqual(actual.topTokenIds, expected.topTokenIds);
  for (const name of ["logprobs", "topLogprobs"] as const)
    actual[name].forEach((value, i) => {
      assert.ok(Math.abs(value - (expected[name][i] ?? Number.NaN)) < 2e-6, `${name}[${i}]`);
    });
}

/** Logits shaped like a model's: a few likely tokens over a wide floor. */
function logitsOf(seed: number, width: number): Float32Array {
  return seededFloats(seed, width, 4).map((x) => x + 8 * Math.max(0, x - 3.5) ** 2);
}

const uniforms = [0, 0.1, 0.25, 0.5, 0.77, 0.9, 0.999999];

for (const width of [5, 130, 1024, 5003])
  describe(`sampling over ${width} tokens`, () => {
    test("greedy, ties by lower id", () => {
      const tied = logitsOf(3, width);
      tied[width - 1] = 50;
      tied[1] = 50;
      assertLikeReference([{ logits: logitsOf(1, width) }, { logits: tied }, { logits: logitsOf(2, width) }]);
    });

    test("temperature", () => {
      for (const temperature of [0.3, 1, 2.5])
        assertLikeReference(
          uniforms.map((uniform) => ({ logits: logitsOf(4, width), temperature, uniform })),
        );
    });

    test("top_k, top_p and min_p, alone and together", () => {
      for (const filter of [
        { topK: 1 },
        { topK: 4 },
        { topK: 100 },
        { topP: 0.01 },
        { topP: 0.5 },
        { topP: 0.95 },
        { topP: 0.99999 },
        { minP: 0.05 },
        { topK: 50, topP: 0.8, minP: 0.01 },
        { temperature: 30, topK: 70, topP: 0.7 },
      ])
        assertLikeReference(
          uniforms.map((uniform) => ({ logits: logitsOf(5, width), temperature: 0.8, uniform, ...filter })),
        );
    });

    test("equal logits are kept or dropped together", () => {
      const logits = seededFloats(6, width).map((x) => Math.round(x * 3));
      for (const filter of [{ topK: 3 }, { topP: 0.4 }])
        assertLikeReference(uniforms.map((uniform) => ({ logits, temperature: 1, uniform, ...filter })));
    });

    test("penalties, biases and bans, a token listed twice included", () => {
      const seen = [
        [0, 2],
        [3, 0],
        [4, 7],
      ] as const;
      const bias = [
        [1, 5],
        [4, Number.NEGATIVE_INFINITY],
        [1, -2.5],
      ] as const;
      const penalties = { repetition: 1.3, frequency: 0.4, presence: 0.2 };
      for (const temperature of [0, 0.9])
        assertLikeReference(
          uniforms.map((uniform) => ({
            logits: logitsOf(7, width),
            temperature,
            uniform,
            seen,
            bias,
            ...penalties,
          })),
        );
    });

    test("log-probabilities, ranks and the likeliest", () => {
      const logits = logitsOf(8, width);
      const numTop = Math.min(width, maxLogprobs);
      assertLikeReference([
        { logits, numTop },
        { logits, target: 3, numTop: 5 },
        { logits, target: width - 1 },
        { logits, wantsLogprob: true, temperature: 1.2, uniform: 0.9 },
        { logits: logits.map(Math.round), numTop },
        { logits, numTop: 2, bias: [[2, 30]] },
      ]);
    });
  });

test("only allowed tokens are sampled, whatever biases and penalties say, and the logits stay", () => {
  const logits = Float32Array.from({ length: 77 }, (_, i) => (i === 40 ? 9 : i / 100));
  const common = { logits, seen: [[64, 2]], repetition: 1.5, uniform: 0.4 } as const;
  const rows: readonly Row[] = [
    { ...common, allowed: [3, 64, 70], bias: [[40, 50]] },
    { ...common, allowed: [3, 64, 70], bias: [[3, 50]] },
    { ...common, allowed: [40], temperature: 2 },
    { ...common, allowed: [5, 6], temperature: 0.5, topK: 1, wantsLogprob: true },
    { ...common },
  ];
  assert.deepEqual([...runKernel(rows).tokenIds], [70, 3, 40, 6, 40]);
});

test("where every token is banned the answer is token 0", () => {
  const bias = Array.from({ length: 9 }, (_, id) => [id, Number.NEGATIVE_INFINITY] as const);
  assertLikeReference([
    { logits: seededFloats(1, 9), bias },
    { logits: seededFloats(1, 9), bias, temperature: 1 },
  ]);
});

for (const width of [5, 130, 1024])
  test(`logits that are not finite give no token, ${width} tokens`, () => {
    const at = (tokenId: number, value: number): Float32Array => {
      const logits = logitsOf(9, width);
      logits[tokenId] = value;
      return logits;
    };
    const odd = [
      logitsOf(9, width).fill(Number.NaN),
      ...[0, 4, width - 1].flatMap((id) => [at(id, Number.NaN), at(id, Infinity)]),
    ];
    const wishes: readonly Omit<Row, "logits">[] = [
      {},
      { temperature: 1 },
      { temperature: 1, topK: 3, topP: 0.5 },
      { numTop: 2 },
      { target: 3 },
      { bias: [[1, 5]] },
    ];
    for (const wish of wishes) {
      const rows = odd.map((logits) => ({ ...wish, logits }));
      assert.deepEqual([...runKernel(rows).tokenIds], Array(odd.length).fill(-1), JSON.stringify(wish));
      assertLikeReference(rows);
    }
    // A token that can never be drawn needs no check.
    assertLikeReference(wishes.map((wish) => ({ ...wish, logits: at(2, -Infinity) })));
    assertLikeReference([{ logits: logitsOf(9, width).fill(-Infinity), wantsLogprob: true }]);
  });

test("a draw follows the probabilities", () => {
  const logits = Float32Array.of(0, Math.log(2), Math.log(5));
  const numDraws = 8000;
  const rows = Array.from({ length: numDraws }, (_, i) => ({
    logits,
    temperature: 1,
    uniform: (i + 0.5) / numDraws,
  }));
  const counts = [0, 0, 0];
  for (const id of runKernel(rows).tokenIds) counts[id] = (counts[id] ?? 0) + 1;
  assert.deepEqual(counts, [1000, 2000, 5000]);
});
