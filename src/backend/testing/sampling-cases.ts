/** @module Cases for the sampling stage: the rule of `backend/reference/sampling.ts`, row by row. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Backend, LoadedModel, SamplingInputs } from "../backend.ts";
import { maxOutputRows, type Pair, singleSlice, stepBoth, suiteLimits, withPair } from "./compare.ts";
import { RandomNumbers } from "./random-numbers.ts";
import { numTokenIds, SmallProgram } from "./small-program.ts";

/** Nats. */
const logprobTolerance = 1e-4;

type Adjust = (
  sampling: SamplingInputs,
  outputRow: number,
  random: RandomNumbers,
  vocabulary: number,
) => void;

const cases: readonly (readonly [name: string, adjust: Adjust])[] = [
  ["greedy", () => undefined],
  [
    "temperature",
    (s, o, random) => {
      s.temperature[o] = 0.2 + 2 * random.uniform();
      s.uniform[o] = random.uniform();
    },
  ],
  [
    "top-k",
    (s, o, random, vocabulary) => {
      s.temperature[o] = 1.5;
      s.topK[o] = 1 + random.below(o % 2 === 0 ? 5 : vocabulary);
      s.uniform[o] = random.uniform();
    },
  ],
  [
    "top-p",
    (s, o, random) => {
      s.temperature[o] = 1.2;
      s.topP[o] = o === 0 ? 1e-6 : random.uniform();
      s.uniform[o] = random.uniform();
    },
  ],
  [
    "min-p, top-k and top-p together",
    (s, o, random) => {
      s.temperature[o] = 2;
      s.minP[o] = 0.1 * random.uniform();
      s.topK[o] = 40;
      s.topP[o] = 0.9;
      s.uniform[o] = o % 3 === 0 ? 0 : random.uniform();
    },
  ],
];

/** Below, at and past the widths of vectors and of a chunk of 1,024. */
const vocabularies = [5, 64, 383, 1024, 3001];

export function describeSamplingCases(backend: Backend): void {
  describe("sampling", () => {
    for (const vocabulary of vocabularies) {
      for (const [name, adjust] of cases)
        it(`${name}, ${vocabulary} tokens`, () => check(backend, vocabulary, adjust));
      it(`penalties, biases, bans and masks, ${vocabulary} tokens`, () => checkEdits(backend, vocabulary));
      it(`log-probabilities, ranks and targets, ${vocabulary} tokens`, () =>
        checkLogprobs(backend, vocabulary));
    }
    it("equal logits", () => checkTies(backend));
  });
}

function logitsProgram(vocabulary: number, toLogit: (x: number) => number) {
  const small = new SmallProgram(new RandomNumbers(vocabulary));
  const values = small.random.normals(numTokenIds * vocabulary).map(toLogit);
  return small.build(small.input(vocabulary, values));
}

async function withLogits(
  backend: Backend,
  vocabulary: number,
  body: (pair: Pair) => Promise<void>,
  toLogit = (x: number): number => 3 * x,
): Promise<void> {
  await withPair(backend, logitsProgram(vocabulary, toLogit), { maxModelLen: 256 }, body);
}

async function check(backend: Backend, vocabulary: number, adjust: Adjust): Promise<void> {
  await withLogits(backend, vocabulary, async (pair) => {
    await stepBoth(pair, [singleSlice(maxOutputRows)], (model) => {
      const random = new RandomNumbers(1);
      for (let o = 0; o < maxOutputRows; o++) adjust(model.inputs.sampling, o, random, vocabulary);
    });
    expectSameTokens(pair);
  });
}

/** Rows with every mix of greedy and drawn, seen and unseen, banned, masked and favoured tokens. */
async function checkEdits(backend: Backend, vocabulary: number): Promise<void> {
  await withLogits(backend, vocabulary, async (pair) => {
    await stepBoth(pair, [singleSlice(maxOutputRows)], (model) => writeEdits(model, vocabulary));
    expectSameTokens(pair);
  });
}

function writeEdits(model: LoadedModel, vocabulary: number): void {
  const random = new RandomNumbers(2);
  const s = model.inputs.sampling;
  const numEntries = Math.min(vocabulary, 40);
  let [seen, bias] = [0, 0];
  // Whole words of tokens that are allowed and that are not, and mixed ones.
  for (let word = 0; word < s.masks.length; word++)
    s.masks[word] = [0, -1, random.below(2 ** 31), 1 << (vocabulary % 32)][random.below(4)] ?? 0;
  for (let o = 0; o < maxOutputRows; o++) {
    s.temperature[o] = o % 2 === 0 ? 0 : 1;
    s.uniform[o] = random.uniform();
    s.repetitionPenalty[o] = 0.5 + random.uniform();
    s.frequencyPenalty[o] = 2 * random.uniform() - 0.5;
    s.presencePenalty[o] = 2 * random.uniform() - 0.5;
    s.seenStarts[o] = seen;
    for (const tokenId of random.permutation(vocabulary).slice(0, numEntries)) {
      s.seenTokenIds[seen] = tokenId;
      s.seenCounts[seen++] = random.below(4);
    }
    s.biasStarts[o] = bias;
    for (const tokenId of random.permutation(vocabulary).slice(0, Math.floor(numEntries / 2))) {
      s.biasTokenIds[bias] = tokenId;
      s.biasValues[bias++] = random.below(3) === 0 ? Number.NEGATIVE_INFINITY : 4 * random.normal();
    }
    s.seenStarts[o + 1] = seen;
    s.biasStarts[o + 1] = bias;
    s.maskNumbers[o] = o % 3 === 0 ? 0 : 1 + (o % suiteLimits.maxNumSeqs);
  }
}

async function checkLogprobs(backend: Backend, vocabulary: number): Promise<void> {
  await withLogits(backend, vocabulary, async (pair) => {
    const numTop = Math.min(suiteLimits.maxLogprobs, vocabulary);
    await stepBoth(pair, [singleSlice(maxOutputRows)], ({ inputs }) => {
      for (let o = 0; o < maxOutputRows; o++) {
        inputs.sampling.wantsLogprob[o] = 1;
        inputs.sampling.numTopLogprobs[o] = o % (numTop + 1);
        if (o % 2 === 0) inputs.sampling.targetTokenIds[o] = (o * 37) % vocabulary;
        inputs.sampling.temperature[o] = 0.5;
        inputs.sampling.uniform[o] = o / maxOutputRows;
      }
    });
    expectSameTokens(pair);
    for (let o = 0; o < maxOutputRows; o++) expectSameLogprobs(pair, o, o % (numTop + 1));
  });
}

function expectSameLogprobs({ tested, reference }: Pair, o: number, numTop: number): void {
  const [actual, expected] = [tested.results, reference.results];
  assert.equal(actual.ranks[o], expected.ranks[o], `rank of row ${o}`);
  expectNear(actual.logprobs[o], expected.logprobs[o], `log-probability of row ${o}`);
  for (let i = 0; i < numTop; i++) {
    const entry = o * suiteLimits.maxLogprobs + i;
    assert.equal(actual.topTokenIds[entry], expected.topTokenIds[entry], `row ${o}, likeliest ${i}`);
    expectNear(actual.topLogprobs[entry], expected.topLogprobs[entry], `row ${o}, likeliest ${i}`);
  }
}

/** Logits in whole steps: many are equal, and those at a threshold are kept or dropped together. */
async function checkTies(backend: Backend): Promise<void> {
  const vocabulary = 200;
  const stepped = (x: number): number => Math.round(x);
  const body = async (pair: Pair): Promise<void> => {
    await stepBoth(pair, [singleSlice(maxOutputRows)], ({ inputs }) => {
      for (let o = 0; o < maxOutputRows; o++) {
        inputs.sampling.temperature[o] = o % 4 === 0 ? 0 : 1;
        inputs.sampling.topK[o] = o % 3 === 0 ? 3 : 0;
        inputs.sampling.topP[o] = o % 3 === 1 ? 0.4 : 1;
        inputs.sampling.uniform[o] = (o + 0.5) / maxOutputRows;
        inputs.sampling.numTopLogprobs[o] = 10;
      }
    });
    expectSameTokens(pair);
    for (let o = 0; o < maxOutputRows; o++) expectSameLogprobs(pair, o, 10);
  };
  await withLogits(backend, vocabulary, body, stepped);
}

function expectSameTokens({ tested, reference }: Pair): void {
  const numOutputs = reference.inputs.numOutputs;
  assert.deepEqual(
    [...tested.results.tokenIds.subarray(0, numOutputs)],
    [...reference.results.tokenIds.subarray(0, numOutputs)],
  );
}

function expectNear(actual: number | undefined, expected: number | undefined, what: string): void {
  const difference = Math.abs((actual ?? Number.NaN) - (expected ?? Number.NaN));
  assert.ok(difference <= logprobTolerance, `${what}: ${actual} instead of ${expected}`);
}
