import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../../core/errors.ts";
import type { GgufValue } from "../../weights/gguf.ts";
import { alphabetTextOfBytes } from "../merges/byte-alphabet.ts";
import { byteTokenName } from "../merges/symbol-readers.ts";
import { type GgufTokenizer, tokenizerFromGguf } from "./gguf-tokenizer.ts";

const [normal, unknown, control, userDefined] = [1, 2, 3, 4];
const bytes = Array.from({ length: 256 }, (_, byte) => alphabetTextOfBytes(Uint8Array.of(byte)));
const byteNames = Array.from({ length: 256 }, (_, byte) => byteTokenName(byte));

type Marks = Readonly<Record<string, number>>;
type Fields = Readonly<Record<string, GgufValue | undefined>>;

function read(fields: Fields): GgufTokenizer {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined) as [string, GgufValue][];
  const named = entries.map(([key, value]): [string, GgufValue] => [
    key.includes(".") ? key : `tokenizer.ggml.${key}`,
    value,
  ]);
  return tokenizerFromGguf(new Map(named), "m.gguf");
}

/** Byte-level, with `marks` (text and type) as the first tokens. */
function byteLevel(marks: Marks, fields: Fields = {}): GgufTokenizer {
  const tokens = [...Object.keys(marks), ...bytes, "ab"];
  const kinds = [...Object.values(marks), ...Array<number>(257).fill(normal)];
  return read({
    model: "gpt2",
    pre: "gpt-2",
    tokens,
    token_type: Int32Array.from(kinds),
    merges: ["a b"],
    ...fields,
  });
}

/** SentencePiece, with `marks` as the first tokens, then bytes and a few characters. */
function sentencePiece(marks: Marks, fields: Fields = {}): GgufTokenizer {
  const tokens = [...Object.keys(marks), ...byteNames, ..."▁ab", "▁a", "▁ab", "ab"];
  const kinds = [...Object.values(marks), ...byteNames.map(() => 6), ...Array<number>(6).fill(normal)];
  return read({ model: "llama", tokens, token_type: Int32Array.from(kinds), ...fields });
}

const ids = ({ tokenizer }: GgufTokenizer, text: string, addSpecialTokens = false) =>
  tokenizer.encode(text, { addSpecialTokens });

test("a token ends a text by what it says, however the file types it", () => {
  for (const kind of [normal, userDefined, control]) {
    const marks = { "<|endoftext|>": control, "<|im_start|>": kind, "<|im_end|>": kind };
    const read = byteLevel(marks, { eos_token_id: 0 });
    assert.deepEqual(read.tokenizer.eosIds, [0, 2]);
    assert.ok(read.tokenizer.isSpecial(2));
    assert.deepEqual(ids(read, "ab<|im_end|>"), [3 + 256, 2]);
    assert.equal(read.tokenizer.decode([2], { skipSpecialTokens: true }), "");
    assert.deepEqual(
      read.notes,
      kind === control
        ? []
        : ["the token <|im_end|> ends a text, although the file types it as ordinary text"],
    );
  }
});

test("ends that the file names come first, separators of code last", () => {
  const marks = {
    "<|file_sep|>": userDefined,
    "<|im_end|>": control,
    "<|eom|>": control,
    "<|end_of_text|>": control,
  };
  const { tokenizer } = byteLevel(marks, { eos_token_id: 3, eom_token_id: 2 });
  assert.deepEqual(tokenizer.eosIds, [3, 2, 1, 0]);
});

test("<|end|> beside the marks of gpt-oss ends a message only; </s> is a tag of HTML unless it is a control token", () => {
  const ends = (marks: Marks) => byteLevel(marks).tokenizer.eosIds;
  assert.deepEqual(ends({ "<|end|>": control }), [0]);
  assert.deepEqual(ends({ "<|end|>": control, "<|return|>": control, "<|call|>": control }), [1, 2]);
  assert.deepEqual(ends({ "<|end|>": control, "<|flush|>": control, "<|calls|>": control }), [1, 2]);
  assert.deepEqual(ends({ "</s>": userDefined }), []);
  assert.deepEqual(ends({ "</s>": control }), [0]);
  assert.deepEqual(ends({ "</s>": control, "<|tool_response>": control }), [1]);
});

test("a byte-level file without merges is refused", () => {
  for (const merges of [undefined, []])
    assert.throws(
      () => byteLevel({}, { merges }),
      (error) =>
        error instanceof PagodaError && error.code === "model_invalid" && /merges/.test(error.message),
    );
});

test("a file without a pre-tokenizer is read as llama.cpp's default, and the log says so", () => {
  for (const pre of [undefined, ""]) {
    const read = byteLevel({}, { pre });
    assert.equal(read.notes.length, 1);
    assert.match(read.notes[0] ?? "", /no tokenizer\.ggml\.pre/);
    assert.deepEqual(ids(read, "1234"), ids(byteLevel({}, { pre: "default" }), "1234"));
  }
  assert.deepEqual(byteLevel({}, { pre: "default" }).notes, []);
});

test("an id beyond the vocabulary is left out, and the log says so", () => {
  const read = byteLevel(
    { "<s>": control, "<|im_end|>": control },
    { bos_token_id: 0, eos_token_id: 70_000 },
  );
  assert.deepEqual(read.tokenizer.eosIds, [1]);
  assert.deepEqual(read.notes, [
    "tokenizer.ggml.eos_token_id 70000 is ignored, the vocabulary has 259 tokens",
  ]);
  assert.throws(() => byteLevel({}, { eos_token_id: -1 }), /eos_token_id is not a token id/);
  assert.throws(() => byteLevel({}, { eos_token_id: "2" }), /eos_token_id is not a token id/);
});

test("SentencePiece without ids, scores and types: llama.cpp's own stand for them", () => {
  const marks = { "<unk>": unknown, "<s>": control, "</s>": control };
  const whole = { bos_token_id: 1, eos_token_id: 2, unknown_token_id: 0, scores: new Float32Array(265) };
  const [bare, full] = [sentencePiece(marks), sentencePiece(marks, whole)];
  for (const text of ["ab", "b a</s>", "é\u{1f642}", ""])
    assert.deepEqual(ids(bare, text, true), ids(full, text, true), text);
  assert.equal(bare.tokenizer.bosId, 1);
  assert.deepEqual(bare.tokenizer.eosIds, [2]);
  const typeless = sentencePiece(marks, { token_type: undefined });
  assert.deepEqual(typeless.tokenizer.eosIds, [2]);
  assert.deepEqual(ids(typeless, "ab", true), ids(full, "ab", true));
  const bad = sentencePiece(marks, { eos_token_id: 9999 });
  assert.deepEqual(bad.tokenizer.eosIds, [2]);
  assert.match(bad.notes[0] ?? "", /eos_token_id 9999 is ignored.*, 2 stands for it/);
});

test("Phi-3's marks swallow the white space after them; its <s> and other models' marks do not", () => {
  const marks = {
    "<unk>": unknown,
    "<s>": control,
    "</s>": control,
    "<|user|>": userDefined,
    "<|end|>": control,
  };
  for (const name of ["Phi-3-mini-4k-instruct", "phi3 tuned"]) {
    const phi = sentencePiece(marks, { "general.name": name });
    assert.deepEqual(ids(phi, "<|user|>\n ab<|end|> \n"), [3, ...ids(phi, "ab"), 4]);
    assert.deepEqual(ids(phi, "<|user|>\n"), [3]);
    assert.deepEqual(ids(phi, "<s> ab"), [1, ...ids(phi, " ab")]);
  }
  const other = sentencePiece(marks, { "general.name": "Llama" });
  assert.deepEqual(ids(other, "<|user|>\nab"), [3, ...ids(other, "\nab")]);
});
