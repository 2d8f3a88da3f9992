import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allocateStep } from "../step-memory.ts";
import { sampleRow } from "./sampling.ts";

const vocabulary = 6;
const limits = { blockSize: 16, maxModelLen: 16, maxNumSeqs: 1, maxNumBatchedTokens: 1, maxLogprobs: 4 };

interface Settings {
  readonly temperature?: number;
  readonly uniform?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly target?: number;
  readonly numTop?: number;
  readonly repetition?: number;
  readonly frequency?: number;
  readonly presence?: number;
  /** token, times in the output */
  readonly seen?: readonly (readonly [number, number])[];
  readonly bias?: readonly (readonly [number, number])[];
}

/** Results of one row under `settings`. */
function sample(logits: readonly number[], settings: Settings) {
  const { inputs, results } = allocateStep(limits, vocabulary);
  const s = inputs.sampling;
  const { seen = [], bias = [] } = settings;
  s.targetTokenIds[0] = settings.target ?? -1;
  s.numTopLogprobs[0] = settings.numTop ?? 0;
  s.wantsLogprob[0] = 1;
  s.temperature[0] = settings.temperature ?? 0;
  s.uniform[0] = settings.uniform ?? 0;
  s.topK[0] = settings.topK ?? 0;
  s.topP[0] = settings.topP ?? 1;
  s.minP[0] = settings.minP ?? 0;
  s.repetitionPenalty[0] = settings.repetition ?? 1;
  s.frequencyPenalty[0] = settings.frequency ?? 0;
  s.presencePenalty[0] = settings.presence ?? 0;
  s.seenStarts[1] = seen.length;
  seen.forEach(([tokenId, times], i) => {
    s.seenTokenIds[i] = tokenId;
    s.seenCounts[i] = times;
  });
  s.biasStarts[1] = bias.length;
  bias.forEach(([tokenId, value], i) => {
    s.biasTokenIds[i] = tokenId;
    s.biasValues[i] = value;
  });
  sampleRow(Float32Array.from(logits), 0, s, results);
  return results;
}

const chosen = (logits: readonly number[], settings: Settings): number =>
  sample(logits, settings).tokenIds[0] ?? -1;

/** Tokens that 1,000 evenly spread draws give. */
function drawn(logits: readonly number[], settings: Settings): readonly number[] {
  const found = new Set<number>();
  for (let i = 0; i < 1000; i++) found.add(chosen(logits, { ...settings, uniform: (i + 0.5) / 1000 }));
  return [...found].sort();
}

/** Probabilities 0.4, 0.3, 0.1, 0.1, 0.06, 0.04 in no order. */
const logits = [0.1, 0.4, 0.06, 0.3, 0.1, 0.04].map(Math.log);

describe("the sampling rule", () => {
  it("greedy takes the likeliest token, and the lower id of equal ones", () => {
    assert.equal(chosen(logits, {}), 1);
    assert.equal(chosen([1, 5, 5, 0, 5, 0], {}), 1);
  });

  it("a draw goes through the tokens in order of their ids", () => {
    const draws = [0, 0.09, 0.11, 0.49, 0.51, 0.55, 0.57, 0.85, 0.87, 0.95, 0.97];
    const expected = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5];
    assert.deepEqual(
      draws.map((uniform) => chosen(logits, { temperature: 1, uniform })),
      expected,
    );
  });

  it("draws follow the probabilities", () => {
    const counts = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 1000; i++) {
      const tokenId = chosen(logits, { temperature: 1, uniform: (i + 0.5) / 1000 });
      counts[tokenId] = (counts[tokenId] ?? 0) + 1;
    }
    assert.deepEqual(counts, [100, 400, 60, 300, 100, 40]);
  });

  it("top-k keeps tokens equal to the k-th", () => {
    assert.deepEqual(drawn(logits, { temperature: 1, topK: 2 }), [1, 3]);
    assert.deepEqual(drawn(logits, { temperature: 1, topK: 3 }), [0, 1, 3, 4]);
  });

  it("top-p keeps the fewest tokens that reach it, and those equal to the last", () => {
    assert.deepEqual(drawn(logits, { temperature: 1, topP: 0.1 }), [1]);
    assert.deepEqual(drawn(logits, { temperature: 1, topP: 0.65 }), [1, 3]);
    assert.deepEqual(drawn(logits, { temperature: 1, topP: 0.75 }), [0, 1, 3, 4]);
  });

  it("top-p counts only tokens that top-k kept", () => {
    assert.deepEqual(drawn(logits, { temperature: 1, topK: 2, topP: 0.55 }), [1]);
  });

  it("min-p is relative to the likeliest token", () => {
    assert.deepEqual(drawn(logits, { temperature: 1, minP: 0.2 }), [0, 1, 3, 4]);
  });

  it("bans and biases are applied first", () => {
    assert.equal(chosen(logits, { bias: [[1, Number.NEGATIVE_INFINITY]] }), 3);
    assert.equal(chosen(logits, { bias: [[5, 100]] }), 5);
    assert.deepEqual(
      drawn(logits, { temperature: 1, bias: [[0, Number.NEGATIVE_INFINITY]] }),
      [1, 2, 3, 4, 5],
    );
  });

  it("a banned token is not drawn by the last uniform number either", () => {
    const banned = { temperature: 1, uniform: 1 - 2 ** -53, bias: [[5, Number.NEGATIVE_INFINITY]] as const };
    assert.equal(chosen(logits, banned), 4);
  });

  it("if every token is banned, the result is token 0", () => {
    const bias = logits.map((_, tokenId) => [tokenId, Number.NEGATIVE_INFINITY] as const);
    assert.equal(chosen(logits, { temperature: 1, uniform: 0.9, bias }), 0);
  });

  it("penalties: repetition divides positive logits and multiplies others; counts are of the output only", () => {
    const scores = [2, 1.5, -1, -1.2, 0, 0];
    assert.equal(chosen(scores, { repetition: 2, seen: [[0, 0]] }), 1);
    assert.equal(chosen([-1, -1.5, -9, -9, -9, -9], { repetition: 2, seen: [[0, 0]] }), 1);
    assert.equal(chosen(scores, { frequency: 0.3, seen: [[0, 1]] }), 0);
    assert.equal(chosen(scores, { frequency: 0.3, seen: [[0, 2]] }), 1);
    assert.equal(chosen(scores, { presence: 0.6, seen: [[0, 5]] }), 1);
    assert.equal(chosen(scores, { presence: 0.6, frequency: 1, seen: [[0, 0]] }), 0);
  });

  it("log-probabilities are those of the raw logits", () => {
    const { tokenIds, logprobs, ranks, topTokenIds, topLogprobs } = sample(logits, {
      temperature: 0.1,
      bias: [[2, 100]],
      numTop: 4,
    });
    assert.equal(tokenIds[0], 2);
    assert.ok(Math.abs((logprobs[0] ?? 0) - Math.log(0.06)) < 1e-6);
    assert.equal(ranks[0], 5);
    assert.deepEqual([...topTokenIds], [1, 3, 0, 4]);
    assert.ok(Math.abs((topLogprobs[2] ?? 0) - Math.log(0.1)) < 1e-6);
  });

  it("logits that are not finite give no token", () => {
    const infinite = [...logits.slice(1), Number.POSITIVE_INFINITY];
    for (const odd of [[...logits.slice(1), Number.NaN], infinite])
      for (const settings of [{}, { temperature: 1 }, { target: 0 }, { bias: [[0, 1]] as const }])
        assert.equal(chosen(odd, settings), -1);
    assert.equal(chosen([1, 2, Number.NEGATIVE_INFINITY, 0, 0, 0], {}), 1);
  });

  it("a target is scored, not sampled", () => {
    const { tokenIds, ranks } = sample(logits, { target: 5, temperature: 1, uniform: 0.2 });
    assert.equal(tokenIds[0], 5);
    assert.equal(ranks[0], 6);
  });
});
