import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PagodaError } from "../../core/errors.ts";
import { ropeTable } from "../architectures/builder/rope-table.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
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

function parse(
  name: string,
  changes: Readonly<Record<string, unknown>> = {},
  tensors: readonly StoredTensor[] = [],
) {
  const file = fileOf(name);
  const added = tensors.map((tensor): [string, StoredTensor] => [tensor.name, tensor]);
  return parseGgufConfig(
    new Map(Object.entries({ ...file.metadata, ...changes })),
    new Map([...directoryOf(file), ...added]),
  );
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

  it("a factor without a type is a linear one, as in llama.cpp", () => {
    const ropesOf = (changes: Readonly<Record<string, unknown>>) => parse("qwen3", changes).ropes;
    const linear = [{ kind: "linear", theta: 10_000, factor: 4 }];
    assert.deepEqual(ropesOf({ "qwen3.rope.scaling.factor": 4 }), linear);
    assert.deepEqual(ropesOf({ "qwen3.rope.scale_linear": 4 }), linear);
    assert.deepEqual(ropesOf({ "qwen3.rope.scaling.factor": 4, "qwen3.rope.scale_linear": 2 }), linear);
    const plain = [{ kind: "default", theta: 10_000 }];
    assert.deepEqual(ropesOf({ "qwen3.rope.scaling.type": "none", "qwen3.rope.scaling.factor": 4 }), plain);
    assert.deepEqual(ropesOf({ "qwen3.rope.scaling.type": "linear" }), plain);
    assert.deepEqual(ropesOf({ "qwen3.rope.scaling.factor": 0 }), plain);
  });

  it("the divisors of rope_freqs hold beside a linear and a YaRN scaling", (t) => {
    const { rotaryDim } = parse("qwen3");
    const divisors = Array.from({ length: rotaryDim / 2 }, (_, pair) => 1 + pair / 4);
    const path = join(temporaryFolder(t), "divisors");
    writeFileSync(path, Float32Array.from(divisors));
    const shape = [divisors.length];
    const tensor = { name: "rope_freqs.weight", shape, type: "F32", path, byteOffset: 0 } as const;
    const stored = { ...tensor, numBytes: 4 * divisors.length };
    const tableOf = (changes: Readonly<Record<string, unknown>>, tensors: readonly StoredTensor[]) => {
      const [rope] = parse("qwen3", changes, tensors).ropes;
      assert.ok(rope);
      return ropeTable(rope, rotaryDim, 64);
    };
    const scalings = [
      {},
      { "qwen3.rope.scaling.factor": 4 },
      { "qwen3.rope.scaling.type": "linear", "qwen3.rope.scaling.factor": 4 },
      { "qwen3.rope.scaling.type": "yarn", "qwen3.rope.scaling.factor": 4 },
    ];
    for (const scaling of scalings) {
      const without = tableOf(scaling, []);
      const beside = tableOf(scaling, [stored]);
      assert.equal(beside.attentionFactor, without.attentionFactor);
      for (const [pair, frequency] of without.inverseFrequencies.entries()) {
        const expected = frequency / (divisors[pair] ?? 0);
        const actual = beside.inverseFrequencies[pair] ?? 0;
        assert.ok(Math.abs(actual / expected - 1) < 1e-12, `${JSON.stringify(scaling)}, pair ${pair}`);
      }
    }
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
