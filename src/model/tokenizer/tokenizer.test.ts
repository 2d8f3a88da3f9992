import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { PagodaError } from "../../core/errors.ts";
import { realModelPath, skipWithoutRealModel, smollmReference } from "../testing/fixtures.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { tinyByteLevelGguf, tinySentencePieceGguf } from "../testing/tiny-gguf.ts";
import { readGguf } from "../weights/gguf.ts";
import { tokenizerFromGguf } from "./gguf/gguf-tokenizer.ts";
import { RankedMerges } from "./merges/merge-rule.ts";
import { Merger } from "./merges/merger.ts";
import type { Tokenizer } from "./tokenizer.ts";

const plain = { addSpecialTokens: false };
const keepAll = { skipSpecialTokens: false };

function tiny(t: { after(action: () => void): void }, bytes: Buffer): Tokenizer {
  const path = join(temporaryFolder(t), "m.gguf");
  writeFileSync(path, bytes);
  return tokenizerFromGguf(readGguf(path).metadata, path).tokenizer;
}

function realTokenizer(): Tokenizer {
  return tokenizerFromGguf(readGguf(realModelPath).metadata, realModelPath).tokenizer;
}

interface TokenizedText {
  readonly text: string;
  readonly ids: readonly number[];
}

function isTokenizedList(value: unknown): value is readonly TokenizedText[] {
  return Array.isArray(value) && value.length > 0;
}

test("the default model's reference strings are exact, both ways", { skip: skipWithoutRealModel }, () => {
  const tokenizer = realTokenizer();
  const cases = smollmReference("tokenized");
  assert.ok(isTokenizedList(cases));
  for (const { text, ids } of cases) {
    assert.deepEqual(tokenizer.encode(text, plain), ids, JSON.stringify(text));
    assert.equal(tokenizer.decode(ids, keepAll), text);
  }
});

test("the default model's vocabulary, ends and special tokens", { skip: skipWithoutRealModel }, () => {
  const tokenizer = realTokenizer();
  assert.equal(tokenizer.numTokens, 49152);
  assert.equal(tokenizer.bosId, 1);
  // The last is <reponame>, after which code of another repository follows.
  assert.deepEqual(tokenizer.eosIds, [2, 0, 4]);
  assert.ok(tokenizer.isSpecial(2) && !tokenizer.isSpecial(19556));
  assert.equal(tokenizer.decode([1, 19556, 2], { skipSpecialTokens: true }), "Hello");
});

test("tokens' bytes put together are the text, whatever the text", { skip: skipWithoutRealModel }, () => {
  const tokenizer = realTokenizer();
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
      const ids = tokenizer.encode(text, plain);
      const bytes = Buffer.concat(ids.map((id) => tokenizer.tokenBytes(id)));
      assert.equal(bytes.toString("utf8"), text);
      assert.equal(tokenizer.decode(ids, keepAll), text);
    }),
    { seed: 7, numRuns: 300 },
  );
});

test("byte-level: merges follow their ranks, and every byte has a token", (t) => {
  const tokenizer = tiny(t, tinyByteLevelGguf());
  const hello = tokenizer.encode("hello world", plain);
  assert.deepEqual(
    hello.map((id) => Buffer.from(tokenizer.tokenBytes(id)).toString()),
    ["hello", " world"],
  );
  assert.deepEqual(
    hello.map((id) => tokenizer.vocabularyEntry(id)),
    ["hello", "\u0120world"],
  );
  assert.deepEqual(tokenizer.encode("", plain), []);
  assert.equal(tokenizer.encode("\u{1f642}", plain).length, 4);
  assert.deepEqual(tokenizer.encode("<|im_start|>hello", plain), [1, hello[0]]);
});

test("half a character decodes to U+FFFD and its bytes stay exact", (t) => {
  const tokenizer = tiny(t, tinyByteLevelGguf());
  const [first = 0, second = 0] = tokenizer.encode("é", plain);
  assert.equal(tokenizer.decode([first], keepAll), "\ufffd");
  assert.deepEqual([...tokenizer.tokenBytes(first), ...tokenizer.tokenBytes(second)], [0xc3, 0xa9]);
});

test("SentencePiece: scores, the space in front, byte fallback, and special tokens around", (t) => {
  const tokenizer = tiny(t, tinySentencePieceGguf());
  const text = (ids: readonly number[]) => ids.map((id) => Buffer.from(tokenizer.tokenBytes(id)).toString());
  const ids = tokenizer.encode("hello world", { addSpecialTokens: true });
  assert.equal(ids[0], 1);
  assert.deepEqual(text(ids.slice(1)), [" hello", " world"]);
  assert.equal(tokenizer.decode(ids.slice(1), keepAll), "hello world");
  // "z" is no piece: its byte token stands for it; "é" is one.
  assert.deepEqual(tokenizer.encode("zé", plain).slice(1), [
    3 + "z".charCodeAt(0),
    tokenizer.encode("é", plain).at(-1),
  ]);
  // A piece may contain a space mark in its middle: the cut before marks must not prevent it.
  assert.deepEqual(text(tokenizer.encode("ax y", plain)), [" ", "a", "x y"]);
});

/** Texts with long words, surrogate pairs at any place, special tokens, and words of the vocabulary. */
const longTexts = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc.constantFrom("hello", " ", "a", "\u{1f642}", "<|im_start|>", "x y", "12 "),
        fc.string({ unit: "grapheme", maxLength: 8 }),
      ),
      fc.oneof(fc.nat(4), fc.nat(1500)),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.map(([part, times]) => part.repeat(times)).join(""));

test("a text cut with pauses has the same tokens, whatever else is cut meanwhile", (t) => {
  for (const tokenizer of [tiny(t, tinyByteLevelGguf()), tiny(t, tinySentencePieceGguf())])
    fc.assert(
      fc.property(longTexts, fc.boolean(), (text, addSpecialTokens) => {
        const expected = tokenizer.encode(text, { addSpecialTokens });
        const steps = tokenizer.encodeWithPauses(text, { addSpecialTokens });
        let step = steps.next();
        for (; step.done !== true; step = steps.next()) tokenizer.encode("hello \u{1f642}w rld", plain);
        assert.deepEqual(step.value, expected);
      }),
      { seed: 3, numRuns: 40 },
    );
});

test("a text of one endless word has pauses too, and they count its tokens", (t) => {
  for (const tokenizer of [tiny(t, tinyByteLevelGguf()), tiny(t, tinySentencePieceGguf())]) {
    const pauses = [...tokenizer.encodeWithPauses("a".repeat(50_000), plain)];
    assert.ok(pauses.length >= 50, `${pauses.length} pauses`);
    const counts = [...tokenizer.encodeWithPauses("hello ".repeat(5000), plain)];
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
    );
    assert.ok(counts.length >= 50 && (counts[10] ?? 0) < 2000, `${counts.length} pauses`);
  }
});

test("an id outside the vocabulary is refused with both numbers", (t) => {
  const tokenizer = tiny(t, tinyByteLevelGguf());
  assert.throws(
    () => tokenizer.decode([tokenizer.numTokens], keepAll),
    (error) =>
      error instanceof PagodaError &&
      error.message.includes(`${tokenizer.numTokens} is outside the vocabulary of ${tokenizer.numTokens}`),
  );
});

test("an unknown pre-tokenizer and an unknown kind of tokenizer are named", () => {
  const metadata = (model: string, pre: string) =>
    new Map<string, string | readonly string[]>([
      ["tokenizer.ggml.model", model],
      ["tokenizer.ggml.pre", pre],
      ["tokenizer.ggml.tokens", ["a", "b"]],
    ]);
  assert.throws(
    () => tokenizerFromGguf(metadata("gpt2", "martian"), "m.gguf"),
    /m\.gguf: the pre-tokenizer "martian"/,
  );
  assert.throws(() => tokenizerFromGguf(metadata("t5", "x"), "m"), /tokenizer model "t5"/);
});

/** The textbook algorithm: find the best pair of the whole word, merge its leftmost place, start again. */
function mergeSlowly(ids: readonly number[], rule: RankedMerges): number[] {
  const rest = [...ids];
  for (;;) {
    let best = -1;
    let bestAt = -1;
    for (let at = 0; at + 1 < rest.length; at++) {
      const rank = rule.find(rest[at] ?? -1, rest[at + 1] ?? -1);
      if (rank >= 0 && (best < 0 || rank < best)) [best, bestAt] = [rank, at];
    }
    if (best < 0) return rest;
    rest.splice(bestAt, 2, rule.merged(best));
  }
}

test("the heap merges as the textbook algorithm does", () => {
  const numLetters = 3;
  const merges = fc.array(fc.tuple(fc.nat(numLetters + 8), fc.nat(numLetters + 8)), { maxLength: 9 });
  const word = fc.array(fc.nat(numLetters - 1), { maxLength: 40 });
  fc.assert(
    fc.property(merges, word, (pairs, letters) => {
      // Merge number i makes token numLetters + i out of tokens that exist by then.
      const rule = new RankedMerges({
        left: Int32Array.from(pairs, ([left], index) => left % (numLetters + index)),
        right: Int32Array.from(pairs, ([, right], index) => right % (numLetters + index)),
        merged: Int32Array.from(pairs, (_, index) => numLetters + index),
      });
      const merger = new Merger({
        symbolsOf: (_, ids) => ids.push(...letters),
        rule,
        wholeWord: () => -1,
      });
      const ids: number[] = [];
      merger.encode("word", ids);
      assert.deepEqual(ids, mergeSlowly(letters, rule));
    }),
    { seed: 11, numRuns: 500 },
  );
});
