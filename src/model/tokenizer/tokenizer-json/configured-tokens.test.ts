import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../../../core/errors.ts";
import type { JsonObject } from "../../files/json-file.ts";
import { wantedFiles } from "../../source/hub/wanted-files.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { withConfiguredTokens } from "./configured-tokens.ts";
import { tokenizerConfigOf, tokenizerFromFolder } from "./tokenizer-json.ts";

/** Written by tests/fixtures/tokenizers/make_config_fixtures.py. */
interface Configured {
  readonly model: JsonObject;
  readonly texts: readonly string[];
  readonly cases: readonly {
    readonly name: string;
    readonly parts: JsonObject;
    readonly config: JsonObject;
    readonly map: JsonObject | null;
    readonly bos: number | null;
    readonly eos: number | null;
    readonly ids: readonly (readonly number[])[];
    readonly decoded: readonly string[];
  }[];
}

test("special tokens of tokenizer_config.json and special_tokens_map.json are transformers'", (t) => {
  const path = resolve(import.meta.dirname, "../../../../tests/fixtures/tokenizers/variants/configured.json");
  const { model, texts, cases }: Configured = JSON.parse(readFileSync(path, "utf8"));
  for (const { name, parts, config, map, bos, eos, ids, decoded } of cases) {
    const folder = temporaryFolder(t);
    const write = (file: string, content: JsonObject) =>
      writeFileSync(join(folder, file), JSON.stringify(content));
    write("tokenizer.json", { ...parts, model });
    write("tokenizer_config.json", config);
    if (map !== null) write("special_tokens_map.json", map);
    const tokenizer = tokenizerFromFolder(folder, tokenizerConfigOf(folder));
    assert.equal(tokenizer.bosId, bos, name);
    assert.deepEqual(tokenizer.eosIds, eos === null ? [] : [eos], name);
    for (const [index, text] of texts.entries()) {
      const encoded = tokenizer.encode(text, { addSpecialTokens: false });
      assert.deepEqual(encoded, ids[index], `${name}: ${text}`);
      assert.equal(
        tokenizer.decode(encoded, { skipSpecialTokens: true }),
        decoded[index],
        `${name}: ${text}`,
      );
    }
  }
});

test("what is no token is refused in added_tokens_decoder, and none where a name says so", () => {
  assert.deepEqual(withConfiguredTokens([], { bos_token: null, pad_token: false }, new Map()), []);
  const cases: readonly [JsonObject, RegExp][] = [
    [{ added_tokens_decoder: { "0": "x" } }, /"x" is not a token/],
    [{ added_tokens_decoder: { "0": {} } }, /an object is not a token/],
    [{ added_tokens_decoder: [] }, /added_tokens_decoder .* is not an object/],
  ];
  for (const [config, pattern] of cases)
    assert.throws(
      () => withConfiguredTokens([], config, new Map()),
      (error) =>
        error instanceof PagodaError && error.code === "model_invalid" && pattern.test(error.message),
    );
});

test("special_tokens_map.json is among the files that a hub's repository is asked for", () => {
  const names = ["config.json", "model.safetensors", "special_tokens_map.json"];
  assert.deepEqual([...wantedFiles("a/b", names, null).fileNames].sort(), [
    "config.json",
    "model.safetensors",
    "special_tokens_map.json",
  ]);
});
