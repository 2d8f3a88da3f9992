import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TokenBytes } from "../request/text-tokenizer.ts";
import { Detokenizer } from "./detokenizer.ts";

/** Token t < 256 is byte t; token 300 is special. */
const byteTokens: TokenBytes = {
  tokenBytes: (tokenId) => (tokenId < 256 ? Uint8Array.of(tokenId) : new TextEncoder().encode("<end>")),
  isSpecial: (tokenId) => tokenId === 300,
};

function decode(tokenIds: Iterable<number>, skipSpecialTokens = true): string[] {
  const detokenizer = new Detokenizer(byteTokens, skipSpecialTokens);
  return [...Array.from(tokenIds, (tokenId) => detokenizer.push(tokenId)), detokenizer.finish()];
}

test("a character comes out whole, with its last byte", () => {
  assert.deepEqual(decode(Buffer.from("a😀é")), ["a", "", "", "", "😀", "", "é", ""]);
});

test("an incomplete character at the end is one replacement character", () => {
  assert.deepEqual(decode([0x61, 0xf0, 0x9f]), ["a", "", "", "\ufffd"]);
});

test("a byte order mark is text", () => {
  assert.equal(decode(Buffer.from("\ufeffa")).join(""), "\ufeffa");
});

test("special tokens are skipped or shown, and do not cut a character", () => {
  assert.equal(decode([0x61, 300, 0x62]).join(""), "ab");
  assert.equal(decode([0x61, 300, 0x62], false).join(""), "a<end>b");
  assert.equal(decode([0xc3, 300, 0xa9]).join(""), "é");
});

test("any bytes decode as in one piece, and no piece ever ends inside a character", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.string({ unit: "binary" }), (noise, text) => {
      const bytes = Buffer.concat([noise, Buffer.from(text)]);
      const pieces = decode(bytes);
      assert.equal(pieces.join(""), new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
      for (const piece of pieces) assert.ok(piece.isWellFormed());
    }),
    { numRuns: 500, seed: 5 },
  );
});
