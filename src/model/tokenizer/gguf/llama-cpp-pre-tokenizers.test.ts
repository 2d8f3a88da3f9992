import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../../../core/errors.ts";
import { tokenizerFromGguf } from "./gguf-tokenizer.ts";
import { preTokenizerNamed } from "./llama-cpp-pre-tokenizers.ts";

const folder = resolve(import.meta.dirname, "../../../../tests/fixtures/tokenizers/variants");
const readJson = (name: string) => JSON.parse(readFileSync(resolve(folder, name), "utf8"));

interface Groups {
  readonly texts: readonly string[];
  /** Names under which llama.cpp makes the same tokens of each text. */
  readonly groups: readonly {
    readonly names: readonly string[];
    readonly ids: readonly (readonly number[])[];
  }[];
  readonly refused: readonly string[];
}

/** Written by tests/fixtures/tokenizers/make_llama_cpp_names.py. */
const { texts, groups, refused }: Groups = readJson("llama-cpp-names.json");
const { vocab, merges } = readJson("llama-cpp.json").models.bytes;
const tokens = Object.keys(vocab).sort((a, b) => vocab[a] - vocab[b]);

/** Of embedding models; llama.cpp cuts them as GPT-2 does. */
const embedding = ["jina-v1-en", "jina-v2-code", "roberta-bpe"];

const combining = ["naïve é", "İI", "ADD\u0301", "é é"].map((text) => text.normalize("NFC"));
const capitals = ["xADD ADDx", "don'T ab AB aB"];

/**
 * Where llama.cpp's regular expressions are not those of the models: it has no classes of upper and lower case in some and
 * no combining marks in others, and white space of its own. Ours are checked against the `tokenizers` package instead.
 */
const approximated: Readonly<Record<string, readonly string[]>> = {
  tekken: combining,
  "gpt-4o": combining,
  kanana2: combining,
  llama4: combining,
  "minimax-m2": combining,
  talkie: combining,
  "granite-embed-multi-97m": ["İI"],
  cohere2moe: capitals,
  tiny_aya: capitals,
  youtu: capitals,
  "deepseek-coder": ["\u2028y", "a\u00a0b\u3000c"],
  "deepseek-llm": [
    ...["\u2028y", "a\u00a0b\u3000c", "ab12 0xFF", "1234567 12 1,234.5", "abc1234 5"],
    "IMGIMGABCZ <sentinel:12>",
  ],
};

test("every name of llama.cpp cuts and merges as it does, but where it approximates", () => {
  let numDifferent = 0;
  for (const { names, ids } of groups)
    for (const name of names.filter((known) => !embedding.includes(known))) {
      const metadata = new Map<string, string | readonly string[]>([
        ["tokenizer.ggml.model", "gpt2"],
        ["tokenizer.ggml.pre", name],
        ["tokenizer.ggml.tokens", tokens],
        ["tokenizer.ggml.merges", merges.map((pair: readonly string[]) => pair.join(" "))],
      ]);
      const { tokenizer } = tokenizerFromGguf(metadata, name);
      for (const [index, text] of texts.entries()) {
        const actual = tokenizer.encode(text, { addSpecialTokens: false });
        const isApproximated = approximated[name]?.includes(text.normalize("NFC")) === true;
        if (isApproximated && JSON.stringify(actual) !== JSON.stringify(ids[index])) numDifferent++;
        else assert.deepEqual(actual, ids[index], `${name}: ${JSON.stringify(text)}`);
      }
    }
  assert.ok(numDifferent < 40, `${numDifferent} differ`);
});

test("each of llama.cpp's 91 names is known, or refused for a reason that is the model's", () => {
  const names = [...groups.flatMap((group) => group.names), ...refused];
  assert.equal(new Set(names).size, 91);
  for (const name of names) {
    const isRefused = refused.includes(name) || embedding.includes(name);
    if (!isRefused) assert.ok(preTokenizerNamed(name, "m.gguf"), name);
    else
      assert.throws(
        () => preTokenizerNamed(name, "m.gguf"),
        (error) =>
          error instanceof PagodaError && error.code === "model_unsupported" && !/newer/.test(error.message),
        name,
      );
  }
  assert.throws(() => preTokenizerNamed("martian", "m.gguf"), /"martian" is not implemented: it is newer/);
  assert.throws(() => preTokenizerNamed("toString", "m.gguf"), /"toString" is not implemented: it is newer/);
});

test("numbers in groups of three from their end, and cuts of no length", () => {
  const words = (name: string, text: string) => [...preTokenizerNamed(name, "m").preTokenizer(text, true)];
  assert.deepEqual(words("afmoe", "1234567"), ["1", "234", "567"]);
  assert.deepEqual(words("tiny_aya", "12345"), ["12", "345"]);
  assert.deepEqual(words("superbpe", "a 1234567"), ["a ", "1", "234", "567"]);
  assert.deepEqual(words("default", " 12"), [" ", "12"]);
  assert.deepEqual(words("falcon", " 12"), [" 12"]);
});
