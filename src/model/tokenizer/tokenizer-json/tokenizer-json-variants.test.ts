import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../../../core/errors.ts";
import { isJsonObject, type JsonObject } from "../../files/json-file.ts";
import { AddedTokenSplitter } from "../added-tokens.ts";
import { tokenizerFromGguf } from "../gguf/gguf-tokenizer.ts";
import { compilePattern } from "../patterns/text-pattern.ts";
import { tokenizerFromJson } from "./tokenizer-json.ts";

/** Written by tests/fixtures/tokenizers/make_variant_fixtures.py. */
interface Variants {
  readonly models: Readonly<Record<string, JsonObject>>;
  readonly texts: readonly string[];
  readonly variants: readonly {
    readonly name: string;
    readonly model: string;
    readonly parts: JsonObject;
    readonly ids: readonly (readonly number[])[];
    readonly special_ids?: readonly (readonly number[])[];
    readonly decoded?: readonly string[];
  }[];
}

const folder = resolve(import.meta.dirname, "../../../../tests/fixtures/tokenizers/variants");

function readVariants(file: string): Variants {
  return JSON.parse(readFileSync(resolve(folder, `${file}.json`), "utf8"));
}

function checkVariants(file: string, wanted: (name: string) => boolean = () => true): void {
  const { models, texts, variants } = readVariants(file);
  const chosen = variants.filter(({ name }) => wanted(name));
  assert.ok(chosen.length > 0);
  for (const { name, model, parts, ids, special_ids: withSpecial, decoded } of chosen) {
    const tokenizer = tokenizerFromJson({ ...parts, model: models[model] }, {}, name);
    for (const [index, text] of texts.entries()) {
      const where = `${name}: ${JSON.stringify(text)}`;
      assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), ids[index], where);
      if (withSpecial !== undefined)
        assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: true }), withSpecial[index], where);
      if (decoded !== undefined)
        assert.equal(tokenizer.decode(ids[index] ?? [], { skipSpecialTokens: false }), decoded[index], where);
    }
  }
}

test("regular expressions match what Oniguruma's do", () => checkVariants("patterns"));

test("what a regular expression says and JavaScript cannot is named", () => {
  const cases: readonly [string, RegExp][] = [
    ["a\\X", /the escape \\X/],
    ["\\Ka", /the escape \\K/],
    ["\\G", /the escape \\G/],
    ["[a\\Q]", /the escape \\Q/],
    ["\\N\\O", /the escape \\N/],
    ["(a)\\1", /the escape \\1/],
    ["\\p{Martian}", /the property \\p{Martian}/],
    ["[[:martian:]]", /the class \[:martian:\]/],
    ["(?x: a b)", /the group \(\?x/],
    ["(?<=a++)b", /atomic group/],
    ["(a", /a \( without a \)/],
    ["a)", /a \) without a \(/],
    ["[a", /a \[ without a \]/],
    ["a|*", /a \* with nothing before it/],
    ["(".repeat(10_000), /groups in each other/],
  ];
  for (const [source, pattern] of cases)
    assert.throws(
      () => compilePattern(source, "f"),
      (error) =>
        error instanceof PagodaError && error.code === "model_unsupported" && pattern.test(error.message),
      source,
    );
});

test("added tokens: white space around them, single words, tokens that are normalised", () =>
  checkVariants("added"));

test("white space before a token that swallows it is read once", () => {
  const part = {
    id: 1,
    content: "<mask>",
    special: true,
    singleWord: false,
    rstrip: false,
    normalized: false,
  };
  const splitter = new AddedTokenSplitter([{ ...part, lstrip: true }]);
  const spaces = " ".repeat(2 ** 22);
  assert.deepEqual(
    [...splitter.split(`${spaces}x${spaces}<mask>`)],
    [
      { text: `${spaces}x`, tokenId: -1 },
      { text: `${spaces}<mask>`, tokenId: 1 },
    ],
  );
});

test("a byte-level step puts a space before all but a space", () =>
  checkVariants("steps", (name) => name.startsWith("prefix")));

test("a character falls back to its bytes where each of them is a token", () => checkVariants("fallback"));

const newSteps = ["Punctuation", "Whitespace", "BertPreTokenizer", "CharDelimiterSplit", "StripAccents"];
const isNewStep = (name: string) => newSteps.some((step) => name.includes(step));

test("normalizers treat letters and white space as Rust does", () =>
  checkVariants("steps", (name) => /^(Lower|Strip|Replace)/.test(name) && !isNewStep(name)));

test("pre-tokenizers and normalizers of other families", () => checkVariants("steps", isNewStep));

test("BertProcessing and RobertaProcessing", () => checkVariants("processors"));

test("GGUF's names of pre-tokenizers do what the models' own tokenizer.json do", () => {
  const { models, texts, variants } = readVariants("llama-cpp");
  const { vocab, merges } = models.bytes ?? {};
  assert.ok(isJsonObject(vocab) && Array.isArray(merges));
  const byId = Object.entries(vocab).sort(([, a], [, b]) => Number(a) - Number(b));
  for (const { name, ids } of variants) {
    const metadata = new Map<string, string | readonly string[]>([
      ["tokenizer.ggml.model", "gpt2"],
      ["tokenizer.ggml.pre", name],
      ["tokenizer.ggml.tokens", byId.map(([piece]) => piece)],
      ["tokenizer.ggml.merges", merges.map((pair: readonly string[]) => pair.join(" "))],
    ]);
    const { tokenizer } = tokenizerFromGguf(metadata, name);
    for (const [index, text] of texts.entries())
      assert.deepEqual(tokenizer.encode(text, { addSpecialTokens: false }), ids[index], `${name}: ${text}`);
  }
});

test("Unigram takes the best path, with unknown characters as one token or as bytes", () =>
  checkVariants("unigram"));

test("Precompiled: groups of characters, and what the trie has of their beginnings", () =>
  checkVariants("precompiled"));

test("a damaged character map is refused, whatever of it is cut off or changed", () => {
  const { models, variants } = readVariants("precompiled");
  const parts: JsonObject = variants[0]?.parts ?? {};
  assert.ok(isJsonObject(parts.normalizer));
  const whole = Buffer.from(String(parts.normalizer.precompiled_charsmap), "base64");
  const read = (map: Buffer) => {
    const normalizer = { type: "Precompiled", precompiled_charsmap: map.toString("base64") };
    return tokenizerFromJson({ ...parts, normalizer, model: models.bytes }, {}, "t");
  };
  for (const length of [1, 3, 4, 100])
    assert.throws(
      () => read(whole.subarray(0, length)),
      /precompiled_charsmap is not a compiled/,
      `${length}`,
    );
  const text = "x\t e\u0301 \u{1f44d} ADD";
  for (let at = 4; at < whole.length; at += 5) {
    const changed = Buffer.from(whole);
    changed[at] = ~(changed[at] ?? 0) & 255;
    assert.ok(Array.isArray(read(changed).encode(text, { addSpecialTokens: false })), `byte ${at}`);
  }
  const nothing = { ...parts, normalizer: { type: "Precompiled", precompiled_charsmap: null } };
  const plain = tokenizerFromJson({ ...nothing, model: models.bytes }, {}, "t");
  assert.equal(
    plain.decode(plain.encode("x\ty", { addSpecialTokens: false }), { skipSpecialTokens: true }),
    "x\ty",
  );
});

test("decoders: none, Metaspace, and sequences", () => checkVariants("decoders"));

test("decoders whose tokens depend on their neighbours are refused by name", () => {
  const { models, variants } = readVariants("decoders");
  const [variant] = variants;
  const read = (decoder: unknown) =>
    tokenizerFromJson({ ...variant?.parts, decoder, model: models.characters }, {}, "t");
  const sequence = (...decoders: unknown[]) => ({ type: "Sequence", decoders });
  const fuse = { type: "Fuse" };
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  const replace = { type: "Replace", pattern: { String: "a" }, content: "b" };
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ type: "BPEDecoder", suffix: "</w>" }, /the decoder "BPEDecoder" is not implemented/],
    [{ type: "WordPiece", prefix: "##", cleanup: true }, /the decoder "WordPiece"/],
    [{ type: "CTC", pad_token: "<pad>", word_delimiter_token: "|", cleanup: true }, /the decoder "CTC"/],
    [{ type: "Martian" }, /the decoder "Martian"/],
    [sequence(fuse, { type: "Martian" }), /the decoder "Martian"/],
    [sequence(fuse, replace), /the decoder "Replace" after Fuse/],
    [strip, /the decoder "Strip" that strips more than/],
    [sequence(fuse, { ...strip, start: 2 }), /the decoder "Strip" that strips more than/],
    [sequence({ type: "ByteLevel" }, replace), /the decoder "Replace" beside ByteLevel/],
    [sequence(sequence(5)), /a decoder is not an object/],
    [{ type: "Sequence" }, /a sequence of decoders has no list/],
  ];
  for (const [decoder, message] of cases) assert.throws(() => read(decoder), message);
});
