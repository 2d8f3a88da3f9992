import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestNames } from "./nearest-names.ts";

const files = ["SmolLM2-135M-Instruct.Q4_1.gguf", "qwen2.5-0.5b.gguf", "notes.gguf", "llama"];

test("a typing error and a missing part lead to the name", () => {
  assert.deepEqual(nearestNames("SmolLM2-135M-Instuct.Q4_1.gguf", files, 2), [files[0]]);
  assert.deepEqual(nearestNames("smollm2-135m-instruct", files, 2), [files[0]]);
  assert.deepEqual(nearestNames("qwen2.5_0.5B.gguf", files, 2), [files[1]]);
  assert.deepEqual(nearestNames("lama", files, 2), ["llama"]);
  assert.deepEqual(nearestNames("qwen 0.5b", files, 2), [files[1]]);
});

test("what is far is not proposed", () => {
  assert.deepEqual(nearestNames("phi-4-mini", files, 3), []);
  assert.deepEqual(nearestNames("", files, 3), []);
  assert.deepEqual(nearestNames("x", [], 3), []);
});
