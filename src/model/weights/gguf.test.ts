import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gguf as readWithLibrary } from "@huggingface/gguf";
import { PagodaError } from "../../core/errors.ts";
import { realModelPath, skipWithoutRealModel } from "../testing/fixtures.ts";
import { type BuilderValue, buildGguf } from "../testing/gguf-builder.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { tinyByteLevelGguf } from "../testing/tiny-gguf.ts";
import { partsOf, readGguf } from "./gguf.ts";

const text = (value: string): BuilderValue => ({ kind: "text", value });
const count = (value: number): BuilderValue => ({ kind: "u32", value });

function failsWith(code: string, pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof PagodaError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

test("metadata and tensors of a small file", (t) => {
  const path = join(temporaryFolder(t), "m.gguf");
  const bytes = buildGguf(
    new Map<string, BuilderValue>([
      ["a.text", text("hé")],
      ["a.count", count(7)],
      ["a.wide", { kind: "u64", value: 2 ** 40 }],
      ["a.flag", { kind: "flag", value: true }],
      ["a.texts", { kind: "texts", value: ["x", "", "yz"] }],
      ["a.numbers", { kind: "i32s", value: [-1, 5] }],
    ]),
    [
      { name: "m", shape: [3, 64], type: "Q4_1" },
      { name: "v", shape: [5], type: "F32" },
    ],
  );
  writeFileSync(path, bytes);
  const { metadata, tensors } = readGguf(path);
  assert.deepEqual(
    [...metadata],
    [
      ["a.text", "hé"],
      ["a.count", 7],
      ["a.wide", 2 ** 40],
      ["a.flag", true],
      ["a.texts", ["x", "", "yz"]],
      ["a.numbers", Int32Array.of(-1, 5)],
    ],
  );
  const matrix = tensors.get("m");
  assert.deepEqual(matrix?.shape, [3, 64]);
  assert.equal(matrix?.numBytes, 6 * 20);
  // The builder's data counts up from 0 at the start of the first tensor.
  assert.equal(bytes[matrix?.byteOffset ?? 0], 0);
  assert.equal(bytes[(tensors.get("v")?.byteOffset ?? 0) + 1], 128 + 1);
});

test("several parts are one model, whichever part is named", (t) => {
  const folder = temporaryFolder(t);
  const part = (number: number, name: string, fields: [string, BuilderValue][]) => {
    const path = join(folder, `big-0000${number}-of-00002.gguf`);
    writeFileSync(path, buildGguf(new Map(fields), [{ name, shape: [4], type: "F32" }]));
    return path;
  };
  const first = part(1, "a", [
    ["general.architecture", text("llama")],
    ["split.tensors.count", count(2)],
  ]);
  const second = part(2, "b", [["split.no", count(1)]]);
  assert.deepEqual(partsOf(second), [first, second]);
  const { metadata, tensors } = readGguf(second);
  assert.equal(metadata.get("general.architecture"), "llama");
  assert.deepEqual([...tensors.keys()], ["a", "b"]);
  assert.equal(tensors.get("b")?.path, second);
});

test("a missing part and a wrong number of tensors are errors", (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "big-00001-of-00002.gguf");
  writeFileSync(path, buildGguf(new Map(), []));
  assert.throws(() => readGguf(path), failsWith("model_invalid", /big-00002-of-00002\.gguf/));
  writeFileSync(
    path,
    buildGguf(new Map([["split.tensors.count", count(3)]]), [{ name: "a", shape: [4], type: "F32" }]),
  );
  writeFileSync(join(folder, "big-00002-of-00002.gguf"), buildGguf(new Map(), []));
  assert.throws(() => readGguf(path), failsWith("model_invalid", /hold 1 tensors, .* promises 3/));
});

test("counts that the file cannot hold are refused with both numbers", (t) => {
  const path = join(temporaryFolder(t), "m.gguf");
  const bytes = tinyByteLevelGguf();
  bytes.writeBigUInt64LE(1n << 40n, 8);
  writeFileSync(path, bytes);
  assert.throws(
    () => readGguf(path),
    failsWith(
      "model_invalid",
      new RegExp(`${32 * 2 ** 40} bytes, but only .* of the file's ${bytes.length}`),
    ),
  );
});

test("a file cut inside its tensors is refused", (t) => {
  const path = join(temporaryFolder(t), "m.gguf");
  const bytes = tinyByteLevelGguf();
  writeFileSync(path, bytes.subarray(0, bytes.length - 300));
  assert.throws(
    () => readGguf(path),
    failsWith("model_invalid", /needs bytes \d+ to \d+, but the file has \d+/),
  );
});

test("an encoding that is not implemented is named with those that are", (t) => {
  const path = join(temporaryFolder(t), "m.gguf");
  const bytes = buildGguf(new Map(), [{ name: "t", shape: [256], type: "F32" }]);
  const refusals: readonly (readonly [number, RegExp])[] = [
    [15, /tensor t has the GGML type Q8_K \(15\), which is not read/],
    [28, /tensor t has the GGML type F64 \(28\), which is not read/],
    [31, /tensor t has the GGML type Q4_0_4_4 \(31\), which is not read: llama\.cpp has removed it/],
    [99, /tensor t has the GGML type 99, which is newer/],
  ];
  for (const [number, message] of refusals) {
    bytes.writeUInt32LE(number, 24 + 8 + 1 + 4 + 8);
    writeFileSync(path, bytes);
    assert.throws(() => readGguf(path), failsWith("model_unsupported", message));
  }
});

test("the real model reads as the @huggingface/gguf package reads it", {
  skip: skipWithoutRealModel,
}, async () => {
  const ours = readGguf(realModelPath);
  const theirs = await readWithLibrary(realModelPath, { allowLocalFile: true });
  const header = new Set(["version", "tensor_count", "kv_count"]);
  for (const [key, value] of Object.entries(theirs.metadata)) {
    if (header.has(key)) continue;
    const read = ours.metadata.get(key);
    assert.deepEqual(ArrayBuffer.isView(read) ? Array.from(read) : read, value, key);
  }
  assert.equal(ours.tensors.size, theirs.tensorInfos.length);
  for (const info of theirs.tensorInfos) {
    const tensor = ours.tensors.get(info.name);
    assert.deepEqual(tensor?.shape, info.shape.map(Number).toReversed());
    assert.equal(tensor?.byteOffset, Number(theirs.tensorDataOffset) + Number(info.offset));
  }
});
