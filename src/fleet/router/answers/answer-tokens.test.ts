import assert from "node:assert/strict";
import { test } from "node:test";
import { answerTokens } from "./answer-tokens.ts";

const known = { promptTokens: 640, matchedTokens: 128, numPieces: 7 };
const cost = (...pieces: string[]): number =>
  answerTokens(
    pieces.map((piece) => Buffer.from(piece)),
    known,
  );

test("usage that an answer states is what it cost: prompt without cached tokens, and twice the output", () => {
  const usage = '"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120';
  assert.equal(
    cost(`{"choices":[],${usage}}}`),
    100 - 100 + 40,
    "what is not stated as cached is what matched",
  );
  assert.equal(cost(`{${usage},"prompt_tokens_details":{"cached_tokens":64}}}`), 36 + 40);
  assert.equal(cost("data: {", `${usage}}}`, "data: [DONE]"), 40);
  assert.equal(cost('{"usage":{"input_tokens":50,"cache_read_input_tokens":10,"output_tokens":3}}'), 46);
  assert.equal(cost('{"done":true,"prompt_eval_count":200,"eval_count":9}'), 72 + 18);
});

test("without usage the prompt is taken by its text, and each piece for a token", () => {
  assert.equal(cost("data: [DONE]"), 640 - 128 + 14);
  assert.equal(cost(), 526);
});

test("a text that speaks of usage states none", () => {
  assert.equal(cost(JSON.stringify({ content: '"completion_tokens": 9999' })), 526);
});
