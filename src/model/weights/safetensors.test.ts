import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { tinyArchitectures, tinyFolder } from "../testing/fixtures.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { readSafetensors, readSafetensorsFolder } from "./safetensors.ts";

function safetensorsBytes(header: unknown, numDataBytes: number): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([start, json, Buffer.alloc(numDataBytes)]);
}

function failsWith(pattern: RegExp, code = "model_invalid") {
  return (error: unknown) => {
    assert.ok(error instanceof PagodaError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

test("every tiny checkpoint: tensors fill the file without gap or overlap", () => {
  for (const architecture of tinyArchitectures) {
    const tensors = [...readSafetensorsFolder(tinyFolder(architecture)).values()];
    const inOrder = tensors.toSorted((a, b) => a.byteOffset - b.byteOffset);
    for (const [index, tensor] of inOrder.entries()) {
      const next = inOrder[index + 1]?.byteOffset ?? statSync(tensor.path).size;
      assert.equal(tensor.byteOffset + tensor.numBytes, next, `${architecture} ${tensor.name}`);
    }
  }
});

test("an index spreads tensors over files; files it does not name are not opened", (t) => {
  const folder = temporaryFolder(t);
  const entry = { dtype: "F16", shape: [2, 3], data_offsets: [0, 12] };
  writeFileSync(join(folder, "model-00001-of-00002.safetensors"), safetensorsBytes({ a: entry }, 12));
  writeFileSync(join(folder, "model-00002-of-00002.safetensors"), safetensorsBytes({ b: entry }, 12));
  writeFileSync(join(folder, "other.safetensors"), "not a checkpoint");
  const weightMap = { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" };
  const index = join(folder, "model.safetensors.index.json");
  writeFileSync(index, JSON.stringify({ weight_map: weightMap }));
  const tensors = readSafetensorsFolder(folder);
  assert.deepEqual(tensors.get("b")?.shape, [2, 3]);
  assert.equal(tensors.get("b")?.path, join(folder, weightMap.b));

  writeFileSync(index, JSON.stringify({ weight_map: { ...weightMap, c: weightMap.a } }));
  assert.throws(() => readSafetensorsFolder(folder), failsWith(/"c" is not in model-00001-of-00002/));
  writeFileSync(index, JSON.stringify({ weight_map: { a: "../secret.safetensors" } }));
  assert.throws(() => readSafetensorsFolder(folder), failsWith(/"a" is said to be in "\.\.\/secret/));
});

test("headers that lie are refused", (t) => {
  const path = join(temporaryFolder(t), "model.safetensors");
  const cases: readonly [unknown, number, RegExp, string?][] = [
    [{ a: { dtype: "F32", shape: [2], data_offsets: [0, 9] } }, 8, /bytes 0 to 9 are not within the 8/],
    [{ a: { dtype: "F32", shape: [3], data_offsets: [0, 8] } }, 8, /F32 \[3\] needs 12 bytes, but 8/],
    [{ a: { dtype: "F32", shape: [2 ** 52, 8], data_offsets: [0, 8] } }, 8, /needs .* bytes, but 8/],
    [{ a: { dtype: "F32", shape: [-2], data_offsets: [0, 8] } }, 8, /shape is not a list/],
    [{ a: { dtype: "I32", shape: [2], data_offsets: [0, 8] } }, 8, /number type "I32"/, "model_unsupported"],
    [[], 0, /not a JSON object/],
  ];
  for (const [header, numDataBytes, pattern, code] of cases) {
    writeFileSync(path, safetensorsBytes(header, numDataBytes));
    assert.throws(() => readSafetensors(path), failsWith(pattern, code));
  }
  const huge = safetensorsBytes({}, 0);
  huge.writeBigUInt64LE(1n << 62n);
  writeFileSync(path, huge);
  assert.throws(() => readSafetensors(path), failsWith(/header length is 46116860184273/));
  huge.writeBigUInt64LE(90_000_000n);
  writeFileSync(path, huge);
  assert.throws(() => readSafetensors(path), failsWith(/needs 90000000 bytes, but only 2 of the file's 10/));
});

test("every byte of the data belongs to one tensor, and every name is there once", (t) => {
  const path = join(temporaryFolder(t), "model.safetensors");
  const entry = (begin: number, end: number) => ({
    dtype: "F32",
    shape: [(end - begin) / 4],
    data_offsets: [begin, end],
  });
  const refused = (header: unknown, numDataBytes: number, pattern: RegExp): void => {
    writeFileSync(path, safetensorsBytes(header, numDataBytes));
    assert.throws(() => readSafetensors(path), failsWith(pattern));
  };
  refused({ a: entry(0, 8), b: entry(0, 8) }, 8, /tensors a and b are both said to hold byte 0/);
  refused({ b: entry(4, 12), a: entry(0, 8) }, 12, /tensors a and b are both said to hold byte 4/);
  refused({ a: entry(0, 8), b: entry(12, 16) }, 16, /no tensor holds the bytes 8 to 12/);
  refused({ a: entry(0, 8) }, 12, /no tensor holds the last 4 bytes/);
  writeFileSync(path, safetensorsBytes({ '":{': entry(0, 8), z: entry(8, 8), __metadata__: { a: "1" } }, 8));
  assert.deepEqual([...readSafetensors(path).keys()], ['":{', "z"]);

  const twice = JSON.stringify({ a: entry(0, 8), b: entry(0, 8) }).replace('"b"', '"a"');
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(BigInt(twice.length));
  writeFileSync(path, Buffer.concat([start, Buffer.from(twice), Buffer.alloc(8)]));
  assert.throws(() => readSafetensors(path), failsWith(/two entries of the same name/));
});

test("a folder without weights says what was looked for", (t) => {
  const folder = temporaryFolder(t);
  assert.throws(() => readSafetensorsFolder(folder), failsWith(/neither model\.safetensors nor/));
});
