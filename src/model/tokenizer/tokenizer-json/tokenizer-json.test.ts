import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { PagodaError } from "../../../core/errors.ts";
import type { JsonObject } from "../../files/json-file.ts";
import {
  realModelPath,
  skipWithoutRealModel,
  smollmReference,
  tinyArchitectures,
  tinyFolder,
} from "../../testing/fixtures.ts";
import { readGguf } from "../../weights/gguf.ts";
import { alphabetTextOfBytes } from "../merges/byte-alphabet.ts";
import { byteTokenName } from "../merges/symbol-readers.ts";
import { tokenizerFromFolder, tokenizerFromJson } from "./tokenizer-json.ts";

const plain = { addSpecialTokens: false };
const keepAll = { skipSpecialTokens: false };

/** Written by tests/fixtures/tokenizers/make_fixtures.py. */
interface Fixture {
  readonly tokenizer: JsonObject;
  readonly cases: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly special_ids: readonly number[];
    readonly decoded: string;
  }[];
}

const samples = [
  "Hello world",
  "  two  spaces ",
  "don't we'LL 1234567 x=[1,2];",
  "naïve café\n\n日本語 \u{1f642}\t!",
  "CamelCase_snake http://a.b/c?d=e",
  "a\r\n\r\nb   \n c",
  "<s>x</s> y<pad>",
];

/** Byte-level vocabulary with a few merges, as pairs or as texts. */
function byteLevelModel(mergesAsPairs: boolean): JsonObject {
  const merges = [
    "l l",
    "H e",
    "He ll",
    "\u0120 w",
    "o r",
    "\u0120w or",
    "1 2",
    "12 3",
    "\u0120 \u0120",
    "a b",
  ];
  const pieces = [
    "<pad>",
    "<s>",
    "</s>",
    ...Array.from({ length: 256 }, (_, byte) => alphabetTextOfBytes(Uint8Array.of(byte))),
    ...merges.map((merge) => merge.replace(" ", "")),
  ];
  return {
    type: "BPE",
    vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    merges: mergesAsPairs ? merges.map((merge) => merge.split(" ")) : merges,
  };
}

const addedTokens = ["<pad>", "<s>", "</s>"].map((content, id) => ({
  id,
  content,
  special: true,
  single_word: false,
  lstrip: false,
  rstrip: content === "</s>",
  normalized: false,
}));

const cl100k =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const byteLevelStep = { type: "ByteLevel", add_prefix_space: false, use_regex: false };

/** Pre-tokenizers as the supported model families have them. */
const families: Readonly<Record<string, JsonObject>> = {
  gpt2: { pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true } },
  digits: {
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Digits", individual_digits: true },
        { type: "ByteLevel", add_prefix_space: false, use_regex: true },
      ],
    },
  },
  cl100k: {
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: cl100k }, behavior: "Isolated", invert: false },
        byteLevelStep,
      ],
    },
  },
  bos: {
    pre_tokenizer: byteLevelStep,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
  },
};

function wholeFile(parts: JsonObject, model: JsonObject): JsonObject {
  return {
    version: "1.0",
    normalizer: null,
    post_processor: null,
    decoder: { type: "ByteLevel" },
    added_tokens: addedTokens,
    model,
    ...parts,
  };
}

test("families of byte-level tokenizers agree with the @huggingface/tokenizers package", () => {
  for (const [family, parts] of Object.entries(families))
    for (const mergesAsPairs of [true, false]) {
      const json = wholeFile(parts, byteLevelModel(mergesAsPairs));
      const ours = tokenizerFromJson(json, {}, family);
      const theirs = new LibraryTokenizer(json, {});
      for (const text of samples)
        for (const add of [true, false])
          assert.deepEqual(
            ours.encode(text, { addSpecialTokens: add }),
            theirs.encode(text, { add_special_tokens: add }).ids,
            `${family}: ${JSON.stringify(text)}`,
          );
    }
});

test("the same for a vocabulary with byte fallback and spaces marked", () => {
  const merges = ["\u2581 H", "l l", "e ll", "\u2581H ell", "\u2581 \u2581", "\u2581 w"];
  const letters = [..."\u2581Helowrdabcxyz123456 ,.!'[]=;\n"];
  const bytes = Array.from({ length: 256 }, (_, byte) => byteTokenName(byte));
  const pieces = [
    "<pad>",
    "<s>",
    "</s>",
    "<unk>",
    ...bytes,
    ...letters,
    ...merges.map((m) => m.replace(" ", "")),
  ];
  const model = {
    type: "BPE",
    vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    merges,
    byte_fallback: true,
    fuse_unk: true,
    unk_token: "<unk>",
  };
  const decoder = {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "\u2581" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  };
  const normalizer = {
    type: "Sequence",
    normalizers: [
      { type: "Prepend", prepend: "\u2581" },
      { type: "Replace", pattern: { String: " " }, content: "\u2581" },
    ],
  };
  const json = wholeFile({ normalizer, decoder, pre_tokenizer: null }, model);
  const ours = tokenizerFromJson(json, {}, "fallback");
  const theirs = new LibraryTokenizer(json, {});
  for (const text of samples) {
    const ids = ours.encode(text, plain);
    assert.deepEqual(ids, theirs.encode(text, { add_special_tokens: false }).ids, JSON.stringify(text));
    assert.equal(ours.decode(ours.encode("Hello  é world", plain), keepAll), "Hello  é world");
  }
});

test("tiny checkpoints: text survives, and the ends come from tokenizer_config.json", () => {
  for (const architecture of tinyArchitectures) {
    const tokenizer = tokenizerFromFolder(tinyFolder(architecture), { bos_token: "<s>", eos_token: "</s>" });
    assert.equal(tokenizer.bosId, 1);
    assert.deepEqual(tokenizer.eosIds, [2]);
    assert.equal(tokenizer.numTokens, 384);
    assert.equal(tokenizer.decode(tokenizer.encode("Pagode, 塔!", plain), keepAll), "Pagode, 塔!");
  }
});

test("the default model's vocabulary as tokenizer.json gives the reference ids", {
  skip: skipWithoutRealModel,
}, () => {
  const { metadata } = readGguf(realModelPath);
  const tokens = metadata.get("tokenizer.ggml.tokens");
  const kinds = metadata.get("tokenizer.ggml.token_type");
  assert.ok(Array.isArray(tokens) && ArrayBuffer.isView(kinds));
  const added = tokens.flatMap((content, id) => (kinds[id] === 3 ? [{ id, content, special: true }] : []));
  const model = {
    type: "BPE",
    vocab: Object.fromEntries(tokens.map((piece, id) => [String(piece), id])),
    merges: metadata.get("tokenizer.ggml.merges"),
  };
  const json = wholeFile({ ...families.digits, added_tokens: added }, model);
  const tokenizer = tokenizerFromJson(json, {}, "smollm");
  const cases = smollmReference("tokenized");
  assert.ok(Array.isArray(cases) && cases.length > 0);
  for (const { text, ids } of cases) assert.deepEqual(tokenizer.encode(text, plain), ids, text);
});

test("eight families of tokenizers do what the Python package did", () => {
  const folder = resolve(import.meta.dirname, "../../../../tests/fixtures/tokenizers");
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  assert.equal(names.length, 8);
  for (const name of names) {
    const { tokenizer: json, cases }: Fixture = JSON.parse(readFileSync(join(folder, name), "utf8"));
    const tokenizer = tokenizerFromJson(json, {}, name);
    assert.ok(cases.length > 200);
    for (const { text, ids, special_ids: withSpecial, decoded } of cases) {
      const where = `${name}: ${JSON.stringify(text)}`;
      assert.deepEqual(tokenizer.encode(text, plain), ids, where);
      assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: true }), withSpecial, where);
      assert.equal(tokenizer.decode(ids, keepAll), decoded, where);
    }
  }
});

test("parts that we lack are named, not ignored", () => {
  const model = byteLevelModel(false);
  const cases: readonly [JsonObject, RegExp][] = [
    [{ pre_tokenizer: { type: "UnicodeScripts" } }, /pre_tokenizer "UnicodeScripts"/],
    [{ normalizer: { type: "Martian" } }, /normalizer "Martian"/],
    [{ post_processor: { type: "Martian" } }, /post_processor "Martian"/],
    [{ model: { ...model, type: "WordPiece" } }, /tokenizer model "WordPiece"/],
    [{ model: { ...model, dropout: 0.1 } }, /dropout 0.1/],
  ];
  for (const [parts, pattern] of cases)
    assert.throws(
      () => tokenizerFromJson(wholeFile(parts, model), {}, "t"),
      (error) =>
        error instanceof PagodaError && error.code === "model_unsupported" && pattern.test(error.message),
    );
  assert.throws(
    () => tokenizerFromJson(wholeFile({}, { ...model, merges: ["q zz"] }), {}, "t"),
    (error) => error instanceof PagodaError && /merge 0, "q zz", is not made of tokens/.test(error.message),
  );
});

test("a post-processor's id that is not in the vocabulary is refused when the model loads", () => {
  const template = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    special_tokens: { "<s>": { id: "<s>", ids: [99_999], tokens: ["<s>"] } },
  };
  const roberta = { type: "RobertaProcessing", cls: ["<s>", 1], sep: ["</s>", 99_999] };
  const cases: readonly [JsonObject, RegExp][] = [
    [template, /gives "<s>" an id that is not in the vocabulary/],
    [roberta, /sep of the post_processor is not a token/],
  ];
  for (const [post_processor, pattern] of cases)
    assert.throws(
      () => tokenizerFromJson(wholeFile({ post_processor }, byteLevelModel(false)), {}, "t"),
      (error) =>
        error instanceof PagodaError && error.code === "model_invalid" && pattern.test(error.message),
    );
});
