import assert from "node:assert/strict";
import { test } from "node:test";
import { noAnswer, speedOf, tokensOf, wholeLetters, withChunk } from "./stream-answer.ts";

const chat = (token: string, logprob: number) => ({
  choices: [
    {
      delta: { content: token },
      logprobs: { content: [{ token, logprob, top_logprobs: [{ token: "b", logprob: -0.1 }] }] },
    },
  ],
});

test("tokens of both endpoints have their probabilities and the likeliest others", () => {
  assert.deepEqual(tokensOf(chat("a", -2)), [
    { text: "a", logprob: -2, others: [{ text: "b", logprob: -0.1 }] },
  ]);
  const text = {
    choices: [
      {
        text: "xy",
        logprobs: { tokens: ["x", "y"], token_logprobs: [null, -1], top_logprobs: [null, { z: -3, y: -1 }] },
      },
    ],
  };
  assert.deepEqual(tokensOf(text), [
    { text: "x", logprob: null, others: [] },
    {
      text: "y",
      logprob: -1,
      others: [
        { text: "y", logprob: -1 },
        { text: "z", logprob: -3 },
      ],
    },
  ]);
  assert.deepEqual(tokensOf({ choices: [{ delta: { reasoning_content: "hm" } }] }), [
    { text: "hm", logprob: null, others: [] },
  ]);
  assert.deepEqual(tokensOf({ choices: [{ delta: {} }] }), []);
});

test("the first and the last token are timed, and the speed is that of the tokens after the first", () => {
  let answer = withChunk(noAnswer, { choices: [{ delta: {} }] }, 5);
  assert.equal(answer.firstTokenMs, null);
  for (const [index, ms] of [20, 30, 40].entries()) answer = withChunk(answer, chat(`${index}`, -1), ms);
  answer = withChunk(answer, { choices: [{ delta: {}, finish_reason: "length" }] }, 41);
  const usage = { prompt_tokens: 9, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 8 } };
  answer = withChunk(answer, { choices: [], usage }, 50);
  assert.deepEqual([answer.firstTokenMs, answer.lastTokenMs, answer.finishReason], [20, 40, "length"]);
  assert.deepEqual(answer.usage, { numPromptTokens: 9, numCachedTokens: 8, numOutputTokens: 3 });
  assert.equal(speedOf(answer), 100);
  assert.equal(speedOf(noAnswer), null);
});

test("tokens that are bytes of one letter are shown as that letter", () => {
  const tokens = ["a", "bytes:\\xe5\\xa1", "bytes:\\x94", "b"].map((text, index) => ({
    text,
    logprob: -index,
    others: [],
  }));
  assert.deepEqual(
    wholeLetters(tokens).map(({ text, logprob }) => [text, logprob]),
    [
      ["a", -0],
      ["塔", -2],
      ["b", -3],
    ],
  );
});
