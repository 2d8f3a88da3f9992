import assert from "node:assert/strict";
import { test } from "node:test";
import type { PositionLogprobs } from "../core/generation.ts";
import { completionLogprobsPieces, joined, textEnd } from "./logprobs.ts";

/** Parts of characters, U+FFFD itself, a character of two UTF-16 units, and two tokens of the same text. */
const vocabulary = [[0xf0, 0x9f], [0x98], [0xef, 0xbf, 0xbd], [0xf0, 0x9f, 0x98, 0x80], [0x61], [0x61]];

const tokens = {
  tokenPiece: (tokenId: number) => {
    const bytes = Uint8Array.from(vocabulary[tokenId] ?? []);
    return { text: new TextDecoder().decode(bytes), bytes };
  },
  detokenize: () => "",
};

const position = (tokenId: number, logprob: number, top: readonly number[]): PositionLogprobs => ({
  tokenId,
  logprob,
  rank: 1,
  top: top.map((id, i) => ({ tokenId: id, logprob: -i, rank: i + 1 })),
});

function logprobsOf(asTokenIds: boolean): unknown {
  const scored = {
    tokenIds: [3, 4, 1],
    positions: [position(3, -2, [0, 1, 3]), position(4, -9, [2, 5, 4]), null],
  };
  return JSON.parse(joined(completionLogprobsPieces({ tokens, asTokenIds }, scored, 0)));
}

test("tokens that are parts of characters are told apart by their bytes, equal texts keep the likelier", () => {
  assert.deepEqual(logprobsOf(false), {
    text_offset: [0, 1, 2],
    token_logprobs: [-2, -9, null],
    tokens: ["\u{1f600}", "a", "bytes:\\x98"],
    top_logprobs: [
      { "\u{1f600}": -2, "bytes:\\xf0\\x9f": 0, "bytes:\\x98": -1 },
      { a: -1, "\ufffd": 0 },
      null,
    ],
  });
});

test("tokens that are named by their ids are, and offsets count characters all the same", () => {
  assert.deepEqual(logprobsOf(true), {
    text_offset: [0, 1, 2],
    token_logprobs: [-2, -9, null],
    tokens: ["token_id:3", "token_id:4", "token_id:1"],
    top_logprobs: [
      { "token_id:3": -2, "token_id:0": 0, "token_id:1": -1 },
      { "token_id:4": -2, "token_id:2": 0, "token_id:5": -1 },
      null,
    ],
  });
  assert.equal(textEnd(tokens, [3, 4], 5), 7);
});
