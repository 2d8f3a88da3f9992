import assert from "node:assert/strict";
import { test } from "node:test";
import { goesInCircles, judge } from "./judge.ts";

test("a phrase four times in a row is a circle, three times is emphasis", () => {
  assert.ok(goesInCircles("the femme au roi, la femme au roi, la femme au roi, la femme au roi, la"));
  assert.ok(goesInCircles("no no no no"));
  assert.ok(!goesInCircles("no, no, no!"));
  assert.ok(!goesInCircles("One apple, one banana, one pear, one kiwi, one fig."));
});

test("an answer is about its question, or not", () => {
  const question = { text: "What is the capital of France?", expected: /\bParis\b/ };
  assert.deepEqual(judge(question, "It is Paris."), { isSensible: true, why: "" });
  assert.equal(judge(question, "It is Lyon.").why, "not about the question");
  assert.equal(judge(question, " \n").why, "empty");
  assert.equal(judge(question, "Paris Paris Paris Paris").why, "goes in circles");
});
