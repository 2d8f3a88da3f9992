import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import type { SamplingParams } from "../core/sampling-params.ts";
import { uniformAt } from "./step/random.ts";
import { letterTokenizer, letterTokenizerEos } from "./testing/letter-tokenizer.ts";
import {
  assertAtRest,
  type Collected,
  collect,
  expectedGreedy,
  promptOf,
  requestFor,
  type Scripted,
  scriptedEngine,
} from "./testing/scripted-engine.ts";
import { scriptedHash, scriptedLogits, scriptedVocabulary } from "./testing/scripted-model.ts";

let scripted: Scripted | null = null;

function run(
  prompt: readonly number[],
  wishes: Partial<SamplingParams>,
  ...options: Parameters<typeof scriptedEngine>
) {
  scripted = scriptedEngine(...options);
  return collect(scripted.engine, requestFor(prompt, wishes));
}

afterEach(async () => {
  if (scripted !== null) await assertAtRest(scripted);
});

const only = ({ sequences }: Collected): Collected["sequences"][number] => {
  const [first] = sequences;
  assert.ok(first !== undefined);
  return first;
};

/** Log-softmax of the raw logits after `context`. */
function logprobsAfter(context: readonly number[]): number[] {
  const logits = Array.from(scriptedLogits(scriptedHash(context, context.length)));
  const max = Math.max(...logits);
  const logZ = max + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - max), 0));
  return logits.map((x) => x - logZ);
}

const prompt = promptOf(20);

describe("choosing tokens", () => {
  test("the draw of position k of sequence i is the seed's own, whatever the batch", async () => {
    const drawn: number[] = [];
    const context = [...prompt];
    for (let position = 0; position < 10; position++) {
      const weights = scriptedLogits(scriptedHash(context, context.length)).map((x) =>
        Math.exp(Math.fround(x - 12)),
      );
      const goal = uniformAt(77, 0, position) * weights.reduce((sum, w) => sum + w, 0);
      let sum = 0;
      const tokenId = weights.findIndex((weight) => {
        sum += weight;
        return sum > goal;
      });
      drawn.push(tokenId);
      context.push(tokenId);
    }
    const result = await run(prompt, { temperature: 1, seed: 77, maxTokens: 10 });
    assert.deepEqual(only(result).tokenIds, drawn);
  });

  test("without a seed each request draws its own", async () => {
    let next = 0;
    scripted = scriptedEngine({}, { drawSeed: () => next++ });
    const wishes = { temperature: 1, maxTokens: 30 };
    const [a, b] = [
      await collect(scripted.engine, requestFor(prompt, wishes)),
      await collect(scripted.engine, requestFor(prompt, wishes)),
    ];
    assert.notDeepEqual(only(a).tokenIds, only(b).tokenIds);
    assert.equal(next, 2);
  });

  test("logit_bias and bans", async () => {
    const forced = await run(prompt, { logitBias: new Map([[7, 100]]), maxTokens: 5 });
    assert.deepEqual(only(forced).tokenIds, [7, 7, 7, 7, 7]);
  });

  test("penalties look at output, and repetition at the prompt too", async () => {
    const bias = new Map([
      [1, 100],
      [2, 99.5],
      [3, 99],
    ]);
    const frequency = await run(prompt, { logitBias: bias, frequencyPenalty: 2, maxTokens: 3 });
    const biased = (context: readonly number[]): Map<number, number> =>
      new Map(
        [...bias].map(([t, b]) => [t, (scriptedLogits(scriptedHash(context, context.length))[t] ?? 0) + b]),
      );
    const context = [...prompt];
    const counts = new Map<number, number>();
    for (const tokenId of only(frequency).tokenIds) {
      const scores = [...biased(context)].map(([t, score]) => [t, score - 2 * (counts.get(t) ?? 0)] as const);
      assert.equal(tokenId, scores.reduce((best, next) => (next[1] > best[1] ? next : best))[0]);
      counts.set(tokenId, (counts.get(tokenId) ?? 0) + 1);
      context.push(tokenId);
    }
    const repetition = await run([1, 1, 1], { logitBias: bias, repetitionPenalty: 50, maxTokens: 1 });
    assert.notEqual(only(repetition).tokenIds[0], 1);
    const presence = await run(prompt, { logitBias: new Map([[1, 100]]), presencePenalty: 2, maxTokens: 20 });
    assert.ok(only(presence).tokenIds.every((tokenId) => tokenId === 1));
  });
});

describe("endings", () => {
  const greedyTokens = expectedGreedy(prompt, 60);

  test("the model's own end, unless ignored", async () => {
    const wishes = { ignoreEos: false, maxTokens: 9, logitBias: new Map([[letterTokenizerEos, 200]]) };
    const ended = only(await run(prompt, wishes));
    assert.deepEqual(ended.tokenIds, [letterTokenizerEos]);
    assert.deepEqual([ended.finished.reason, ended.finished.stopReason, ended.text], ["stop", null, ""]);
    const ignored = only(await run(prompt, { ...wishes, ignoreEos: true }));
    assert.deepEqual([ignored.tokenIds.length, ignored.finished.reason], [9, "length"]);
  });

  test("a stop token is reported, and is not part of the text unless asked for", async () => {
    const stopTokenId = greedyTokens[3] ?? -1;
    const stopTokenIds = [stopTokenId];
    const numTokens = greedyTokens.indexOf(stopTokenId) + 1;
    const without = only(await run(prompt, { stopTokenIds, maxTokens: 60 }));
    assert.deepEqual(without.tokenIds, greedyTokens.slice(0, numTokens));
    assert.deepEqual([without.finished.reason, without.finished.stopReason], ["stop", stopTokenId]);
    const decode = (ids: readonly number[]): string =>
      letterTokenizer.decode(ids, { skipSpecialTokens: true });
    assert.equal(without.text, decode(greedyTokens.slice(0, numTokens - 1)));
    const included = only(await run(prompt, { stopTokenIds, maxTokens: 60, includeStopString: true }));
    assert.equal(included.text, decode(greedyTokens.slice(0, numTokens)));
  });

  test("a stop string ends the sequence in its step, and its text before it", async () => {
    const bias = new Map([
      [0, 100],
      [1, 99],
    ]);
    const wishes = { logitBias: bias, frequencyPenalty: 2, maxTokens: 60 };
    const whole = only(await run(prompt, wishes)).text;
    const stop = whole.slice(7, 10);
    const at = whole.indexOf(stop);
    const stopped = only(await run(prompt, { ...wishes, stopStrings: ["never", stop] }));
    assert.equal(stopped.text, whole.slice(0, at));
    assert.deepEqual([stopped.finished.reason, stopped.finished.stopReason], ["stop", stop]);
    assert.equal(stopped.finished.numCompletionTokens, at + stop.length);
    assert.equal(scripted?.model.numSteps, at + stop.length, "no step was spent after the stop");
    const included = only(await run(prompt, { ...wishes, stopStrings: [stop], includeStopString: true }));
    assert.equal(included.text, whole.slice(0, at + stop.length));
  });

  test("a stop string wins over the length in the last step; what was held back comes out at the end", async () => {
    const whole = only(await run(prompt, { logitBias: new Map([[4, 100]]), maxTokens: 6 })).text;
    assert.equal(whole, "eeeeee");
    const wishes = { logitBias: new Map([[4, 100]]), maxTokens: 6 };
    const stopped = only(await run(prompt, { ...wishes, stopStrings: ["eeeeee"] }));
    assert.deepEqual([stopped.finished.reason, stopped.text], ["stop", ""]);
    const held = only(await run(prompt, { ...wishes, stopStrings: ["eeeeeee"] }));
    assert.deepEqual([held.finished.reason, held.text], ["length", "eeeeee"]);
  });

  test("min_tokens forbids ends and stop tokens, and blinds stop strings, until it is reached", async () => {
    const bias = new Map([
      [letterTokenizerEos, 200],
      [5, 150],
      [4, 100],
    ]);
    const wishes = { logitBias: bias, ignoreEos: false, minTokens: 4, maxTokens: 20, stopTokenIds: [5] };
    const banned = only(await run(prompt, wishes));
    assert.deepEqual(banned.tokenIds, [4, 4, 4, 4, letterTokenizerEos]);
    const blind = only(
      await run(prompt, { logitBias: new Map([[4, 100]]), minTokens: 4, maxTokens: 20, stopStrings: ["e"] }),
    );
    assert.deepEqual([blind.tokenIds.length, blind.text], [5, "eeee"]);
  });

  test("an incomplete character at the end is one replacement character", async () => {
    const result = only(await run(prompt, { logitBias: new Map([[57, 100]]), maxTokens: 1 }));
    assert.equal(result.text, "\ufffd");
  });

  test("special tokens are text only where asked for", async () => {
    const wishes = { logitBias: new Map([[61, 100]]), maxTokens: 2 };
    assert.equal(only(await run(prompt, wishes)).text, "");
    assert.equal(only(await run(prompt, { ...wishes, skipSpecialTokens: false })).text, "<61><61>");
  });

  test("the longest output fills the model's length exactly", async () => {
    const result = only(await run(prompt, { maxTokens: null }, { maxModelLen: 48 }));
    assert.equal(result.tokenIds.length, 28);
    assert.deepEqual(result.tokenIds, greedyTokens.slice(0, 28));
  });
});

describe("log-probabilities", () => {
  test("of the output: raw logits, rank and the likeliest", async () => {
    const result = await run(prompt, { logprobs: 3, temperature: 1, seed: 4, maxTokens: 6 });
    const deltas = result.events.filter((event) => event.type === "delta");
    const context = [...prompt];
    for (const { logprobs, tokenIds } of deltas) {
      const expected = logprobsAfter(context);
      const [position] = logprobs ?? [];
      assert.ok(position !== undefined);
      assert.equal(position.tokenId, tokenIds[0]);
      assert.ok(Math.abs(position.logprob - (expected[position.tokenId] ?? 0)) < 1e-4);
      assert.equal(position.rank, 1 + expected.filter((x) => x > (expected[position.tokenId] ?? 0)).length);
      const likeliest = expected.map((x, id) => [x, id] as const).toSorted((a, b) => b[0] - a[0]);
      assert.deepEqual(
        position.top.map((top) => top.tokenId),
        likeliest.slice(0, 3).map(([, id]) => id),
      );
      context.push(position.tokenId);
    }
    assert.equal(deltas.length, 6);
  });

  test("of the chosen token alone, or none at all", async () => {
    const zero = await run(prompt, { logprobs: 0, maxTokens: 1 });
    const [delta] = zero.events.filter((event) => event.type === "delta");
    assert.deepEqual(delta?.logprobs?.[0]?.top, []);
    const none = await run(prompt, { maxTokens: 1 });
    assert.equal(none.events.find((event) => event.type === "delta")?.logprobs, null);
  });

  /** Every entry of a prompt's log-probabilities against the model's own. */
  function assertPromptLogprobs(tokens: readonly number[], result: Collected, numTop: number): void {
    const { promptLogprobs } = result.prompt;
    assert.equal(promptLogprobs?.length, tokens.length);
    assert.equal(promptLogprobs[0], null);
    promptLogprobs.forEach((position, p) => {
      if (p === 0) return;
      const expected = logprobsAfter(tokens.slice(0, p));
      assert.equal(position?.tokenId, tokens[p]);
      assert.ok(Math.abs((position?.logprob ?? 0) - (expected[tokens[p] ?? 0] ?? 0)) < 1e-4);
      assert.equal(position?.top.length, numTop);
    });
  }

  test("of the prompt, in chunks, with and without output", async () => {
    const long = promptOf(100);
    for (const wishes of [{ maxTokens: 0 }, { maxTokens: 3 }, { maxTokens: 2, n: 2, temperature: 1 }]) {
      const result = await run(long, { ...wishes, promptLogprobs: 2 }, { maxNumBatchedTokens: 24 });
      assertPromptLogprobs(long, result, 2);
      assert.equal(only(result).tokenIds.length, wishes.maxTokens);
      assert.equal(only(result).finished.reason, "length");
    }
  });

  test("of a cached prompt: computed, not read", async () => {
    scripted = scriptedEngine();
    const long = promptOf(60);
    await collect(scripted.engine, requestFor(long));
    const scored = await collect(scripted.engine, requestFor(long, { promptLogprobs: 0, maxTokens: 1 }));
    assertPromptLogprobs(long, scored, 0);
    assert.equal(scored.prompt.numCachedTokens, 0);
    const warm = await collect(scripted.engine, requestFor(long));
    assert.equal(warm.prompt.numCachedTokens, 48, "scoring leaves its blocks to others");
  });

  test("of the prompt, when preempted in the middle", async () => {
    scripted = scriptedEngine(
      { numBlocks: 9, maxNumBatchedTokens: 16, maxModelLen: 144 },
      { expectedOutputTokens: 1 },
    );
    const { engine } = scripted;
    const long = promptOf(100, 6);
    const urgent = [1, 2].map((seed) =>
      collect(engine, requestFor(promptOf(10, seed), { maxTokens: 80 }, -1)),
    );
    const scored = await collect(engine, requestFor(long, { promptLogprobs: 1, maxTokens: 1 }));
    await Promise.all(urgent);
    assertPromptLogprobs(long, scored, 1);
    assert.ok(engine.stats().numPreemptions > 0);
  });

  test("nothing but the prompt: no token, one ending", async () => {
    const result = await run(prompt, { maxTokens: 0, n: 2 });
    assert.deepEqual(
      result.sequences.map(({ tokenIds }) => tokenIds),
      [[], []],
    );
    assert.equal(result.prompt.promptLogprobs, null);
  });
});

test("the scripted vocabulary covers every token used here", () => {
  assert.ok(letterTokenizerEos < scriptedVocabulary);
});
