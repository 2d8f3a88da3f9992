import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { tinyFolder } from "../testing/fixtures.ts";
import {
  generationDefaultsFromFolder,
  generationDefaultsFromGguf,
  generationDefaultsFromJson,
  overriddenSamplingFrom,
} from "./generation-config.ts";

test("generation_config.json becomes sampling defaults", () => {
  const config = {
    do_sample: true,
    temperature: 0.6,
    top_p: 0.9,
    top_k: -1,
    repetition_penalty: 1.1,
    max_new_tokens: 64,
    eos_token_id: [128001, 128009],
  };
  const { sampling, eosIds } = generationDefaultsFromJson(config, "g");
  assert.deepEqual(sampling, { temperature: 0.6, topP: 0.9, topK: 0, repetitionPenalty: 1.1, maxTokens: 64 });
  assert.deepEqual(eosIds, [128001, 128009]);
});

test("a folder's file and a GGUF file's fields are read; nothing stated is nothing changed", () => {
  assert.deepEqual(generationDefaultsFromFolder(tinyFolder("qwen2")), {
    sampling: {},
    eosIds: [2],
    ignored: [],
  });
  const metadata = new Map([
    ["general.sampling.temp", Math.fround(0.6)],
    ["general.sampling.top_k", 20],
    ["general.sampling.top_p", Math.fround(0.95)],
    ["general.sampling.min_p", Math.fround(0.05)],
    ["general.sampling.penalty_repeat", Math.fround(1.05)],
    ["general.sampling.mirostat", 2],
  ]);
  const { sampling, ignored } = generationDefaultsFromGguf(metadata, "m");
  assert.deepEqual(sampling, { temperature: 0.6, topK: 20, topP: 0.95, minP: 0.05, repetitionPenalty: 1.05 });
  assert.deepEqual(ignored, ["general.sampling.mirostat is ignored, there is no such sampler"]);
});

test("an override is an object of the six fields, and nothing of it is ignored", () => {
  const { sampling } = overriddenSamplingFrom('{"temperature": 0.5, "max_new_tokens": 9}');
  assert.deepEqual(sampling, { temperature: 0.5, maxTokens: 9 });
  for (const [text, code, pattern] of [
    ["0.5", "model_invalid", /is not a JSON object/],
    ["{temperature: 1}", "model_invalid", /is not valid JSON/],
    ['{"temprature": 1}', "invalid_option", /"temprature" is not a field with a default/],
    ['{"top_p": 2}', "model_invalid", /top_p is 2; it must be above 0 and at most 1/],
  ] as const)
    assert.throws(
      () => overriddenSamplingFrom(text),
      (error) => error instanceof PagodaError && error.code === code && pattern.test(error.message),
      text,
    );
});

test("values that cannot be are refused by name and range", () => {
  for (const [config, pattern] of [
    [{ temperature: "hot" }, /temperature is "hot"; it must be at least 0/],
    [{ top_p: 1.5 }, /top_p is 1\.5; it must be above 0 and at most 1/],
    [{ repetition_penalty: 1e-300 }, /repetition_penalty is 1e-300; it must be 0\.01 to 100/],
    [{ top_k: 2.5 }, /top_k is 2\.5; it must be a whole number/],
    [{ eos_token_id: "</s>" }, /eos_token_id is "<\/s>", not token ids/],
  ] as const)
    assert.throws(
      () => generationDefaultsFromJson(config, "g"),
      (error) =>
        error instanceof PagodaError && error.code === "model_invalid" && pattern.test(error.message),
    );
});
