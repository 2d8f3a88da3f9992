import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../../core/errors.ts";
import { normalizerOf } from "../tokenizer-json/text-steps.ts";
import { BoundedPattern, matchesOf } from "./bounded-pattern.ts";
import { anyLiteral, compilePattern } from "./text-pattern.ts";

const isInvalidModel = (pattern: RegExp) => (error: unknown) =>
  error instanceof PagodaError && error.code === "model_invalid" && pattern.test(error.message);

test("a pattern that would take years ends with a named error, and is not tried again", () => {
  const bounded = new BoundedPattern(/(a+)+$/gv, "(a+)+$");
  const hostile = `${"a".repeat(60)}!`;
  assert.throws(
    () => [...bounded.matchAll(hostile)],
    isInvalidModel(/pattern \(a\+\)\+\$ takes more than 1000 ms/),
  );
  // At once: a text that it could search in no time is refused as well.
  assert.throws(() => [...bounded.matchAll("a")], isInvalidModel(/takes more than/));
});

test("matches are those of the plain pattern, over many pieces and with empty ones", () => {
  const text = `${"some words 12 \u{1f600}\n".repeat(3000)}end`;
  for (const pattern of [
    /\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gv,
    /\p{L}*/gv,
    /x/gv,
    /(?=w)/gv,
    /$/gv,
  ]) {
    const plain = [...text.matchAll(pattern)].map((match) => [match.index, match[0]]);
    const bounded = [...matchesOf(new BoundedPattern(pattern, pattern.source), text)];
    assert.deepEqual(
      bounded.map((match) => [match.index, match[0]]),
      plain,
      pattern.source,
    );
  }
  assert.deepEqual([...new BoundedPattern(/a*/gv, "a*").matchAll("")].length, 1);
});

test("steps that double a text, or replace a character by a book, end with a named error", () => {
  const doubling = { type: "Replace", pattern: { String: "a" }, content: "aa" };
  const many = normalizerOf({ type: "Sequence", normalizers: Array(24).fill(doubling) }, "f");
  assert.throws(() => many("a", true), isInvalidModel(/more than 4116 characters of 1\./));
  const one = normalizerOf(
    { type: "Replace", pattern: { Regex: "." }, content: "b".repeat(10_000_000) },
    "f",
  );
  assert.throws(() => one("a", true), isInvalidModel(/more than 4116 characters/));
  const nested = normalizerOf(
    { type: "Sequence", normalizers: [{ type: "Sequence", normalizers: Array(24).fill(doubling) }] },
    "f",
  );
  assert.throws(() => nested("a".repeat(1000), true), isInvalidModel(/more than 24096 characters of 1000\./));
  const ordinary = normalizerOf({ type: "Replace", pattern: { String: " " }, content: "\u2581" }, "f");
  assert.equal(ordinary(" a b", true), "\u2581a\u2581b");
  assert.equal(normalizerOf({ type: "NFKC" }, "f")("\ufdfa".repeat(5), true).length, 90);
});

test("patterns and added tokens that are too large for V8 are refused when the file is read", () => {
  assert.throws(
    () => compilePattern("x".repeat(100_000), "f"),
    (error) =>
      error instanceof PagodaError &&
      error.message === "f: a pattern has 100000 characters; at most 32768 are read.",
  );
  assert.throws(
    () => anyLiteral(["x".repeat(2_000_000)]),
    isInvalidModel(/1 added tokens with 2000000 characters/),
  );
});
