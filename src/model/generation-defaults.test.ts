import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../core/errors.ts";
import {
  generationDefaultsFromFolder,
  generationDefaultsFromGguf,
  generationDefaultsFromJson,
} from "./generation-defaults.ts";
import { tinyFolder } from "./testing/fixtures.ts";

test("generation_config.json becomes sampling defaults, each named for the log", () => {
  const config = {
    do_sample: true,
    temperature: 0.6,
    top_p: 0.9,
    top_k: -1,
    repetition_penalty: 1.1,
    max_new_tokens: 64,
    eos_token_id: [128001, 128009],
  };
  const { sampling, eosIds, applied } = generationDefaultsFromJson(config, "g");
  assert.deepEqual(sampling, { temperature: 0.6, topP: 0.9, topK: 0, repetitionPenalty: 1.1, maxTokens: 64 });
  assert.deepEqual(eosIds, [128001, 128009]);
  assert.deepEqual(applied, [
    "temperature 0.6",
    "top_p 0.9",
    "top_k -1",
    "repetition_penalty 1.1",
    "max_new_tokens 64",
  ]);
});

test("a folder's file and a GGUF file's fields are read; nothing stated is nothing changed", () => {
  assert.deepEqual(generationDefaultsFromFolder(tinyFolder("qwen2")), {
    sampling: {},
    eosIds: [2],
    applied: [],
  });
  const metadata = new Map([["general.sampling.temp", 0.25]]);
  assert.deepEqual(generationDefaultsFromGguf(metadata, "m").sampling, { temperature: 0.25 });
});

test("values that cannot be are refused by name and range", () => {
  for (const [config, pattern] of [
    [{ temperature: "hot" }, /temperature is "hot"; it must be at least 0/],
    [{ top_p: 1.5 }, /top_p is 1\.5; it must be above 0 and at most 1/],
    [{ top_k: 2.5 }, /top_k is 2\.5; it must be a whole number/],
    [{ eos_token_id: "</s>" }, /eos_token_id is "<\/s>", not token ids/],
  ] as const)
    assert.throws(
      () => generationDefaultsFromJson(config, "g"),
      (error) =>
        error instanceof PagodaError && error.code === "model_invalid" && pattern.test(error.message),
    );
});
