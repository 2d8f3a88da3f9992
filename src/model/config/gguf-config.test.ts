import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PagodaError } from "../../core/errors.ts";
import type { StoredTensor, TensorDirectory } from "../weights/tensor-directory.ts";
import { parseGgufConfig } from "./gguf-config.ts";
import { readHuggingFaceConfig } from "./huggingface-config.ts";

const fixtures = resolve(import.meta.dirname, "../../../tests/fixtures");
/** Metadata and tensor shapes of the tiny checkpoints, converted by llama.cpp. */
const converted: Readonly<Record<string, ConvertedFile>> = JSON.parse(
  readFileSync(join(fixtures, "gguf-metadata.json"), "utf8"),
).files;

interface ConvertedFile {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
}

function directoryOf({ tensors }: ConvertedFile): TensorDirectory {
  const entries = Object.entries(tensors).map(([name, shape]): [string, StoredTensor] => [
    name,
    { name, shape, type: "F32", path: "", byteOffset: 0, numBytes: 0 },
  ]);
  return new Map(entries);
}

function fileOf(name: string): ConvertedFile {
  const file = converted[name];
  assert.ok(file, name);
  return file;
}

function parse(name: string, changes: Readonly<Record<string, unknown>> = {}) {
  const file = fileOf(name);
  return parseGgufConfig(new Map(Object.entries({ ...file.metadata, ...changes })), directoryOf(file));
}

/** Numbers as the f32 that GGUF stores. */
const asF32 = (_key: string, value: unknown): unknown =>
  typeof value === "number" ? Math.fround(value) : value;

describe("GGUF metadata", () => {
  for (const name of Object.keys(converted))
    it(`${name}: the config of the folder it was converted from`, () => {
      const expected = { ...readHuggingFaceConfig(join(fixtures, "tiny", name)), checkpoint: "gguf" };
      assert.deepEqual(
        JSON.parse(JSON.stringify(parse(name), asF32)),
        JSON.parse(JSON.stringify(expected, asF32)),
      );
    });

  it("linear and YaRN scaling", () => {
    const linear = { "qwen3.rope.scaling.type": "linear", "qwen3.rope.scaling.factor": 4 };
    assert.deepEqual(parse("qwen3", linear).ropes, [{ kind: "linear", theta: 10_000, factor: 4 }]);
    const yarn = {
      ...linear,
      "qwen3.rope.scaling.type": "yarn",
      "qwen3.rope.scaling.original_context_length": 64,
    };
    const [rope] = parse("qwen3", yarn).ropes;
    assert.ok(rope?.kind === "yarn");
    assert.equal(rope.originalMaxPositions, 64);
    assert.equal(rope.attentionFactor, 0.1 * Math.log(4) + 1);
  });

  it("windows by period and by layer", () => {
    const windows = (pattern: unknown) =>
      parse("gemma3", { "gemma3.attention.sliding_window_pattern": pattern }).layers.map(
        ({ window }) => window,
      );
    assert.deepEqual(windows(2), [16, null, 16, null, 16, null]);
    assert.deepEqual(windows([true, false, false, true, true, true]), [16, null, null, 16, 16, 16]);
  });

  const refusals: readonly (readonly [field: string, value: unknown, code: string])[] = [
    ["block_count", 1e12, "model_invalid"],
    ["block_count", undefined, "model_invalid"],
    ["embedding_length", Number.NaN, "model_invalid"],
    ["attention.head_count", 0, "model_invalid"],
    ["attention.head_count", [4, 4, 4], "model_invalid"],
    ["attention.head_count_kv", 3, "model_invalid"],
    ["attention.value_length", 16, "model_unsupported"],
    ["expert_count", 8, "model_unsupported"],
    ["attention.causal", false, "model_unsupported"],
    ["rope.scaling.type", "dynamic", "model_unsupported"],
    ["attention.clamp_kqv", 8, "model_unsupported"],
  ];
  for (const [field, value, code] of refusals)
    it(`refuses ${field} = ${JSON.stringify(value)} by name`, () =>
      assert.throws(
        () => parse("qwen3", { [`qwen3.${field}`]: value }),
        (error) => error instanceof PagodaError && error.code === code && error.message.includes(field),
      ));

  it("an unknown architecture lists those that are known", () =>
    assert.throws(
      () => parse("qwen3", { "general.architecture": "mamba" }),
      (error) => error instanceof PagodaError && error.hint?.includes("qwen3") === true,
    ));

  it("2,000 mutated files either load or are refused by name", () => {
    const names = Object.keys(converted);
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.double(),
      fc.constantFrom(0, -1, 1e12, Number.NaN, true, new Int8Array(3)),
    );
    const mutation = fc.record({ file: fc.nat(), key: fc.nat(), value: junk });
    fc.assert(
      fc.property(mutation, ({ file, key, value }) => {
        const name = names[file % names.length] ?? "";
        const keys = Object.keys(fileOf(name).metadata);
        try {
          parse(name, { [keys[key % keys.length] ?? ""]: value });
        } catch (error) {
          assert.ok(error instanceof PagodaError, String(error));
        }
      }),
      { numRuns: 2000, seed: 21 },
    );
  });
});
