import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tensorTypeFacts } from "../../../../core/tensor-type.ts";
import type { WeightStorage } from "../../../../core/weight-storage.ts";
import type { RepackedType } from "../../../encodings/transcoded-types.ts";
import { dequantize } from "../../../reference/dequantize.ts";
import { seededFloats } from "../../../seeded-numbers.ts";
import { packedMatrixBytes } from "../../footprint/weight-layout.ts";
import { repackScratchBytes } from "../../footprint/workspace-layout.ts";
import { storageCodes, tensorTypeCodes } from "../jobs.ts";
import { wasmArena } from "../testing/wasm-kernels.ts";

const numCols = 512;

/** Bytes of `numRows` stored rows: seeded bytes, with every f16 that is a scale or minimum made a small finite one. */
function storedRows(type: RepackedType, numRows: number): Uint8Array {
  const { bytesPerBlock, weightsPerBlock } = tensorTypeFacts[type];
  const numBlocks = (numRows * numCols) / weightsPerBlock;
  const bytes = Uint8Array.from(seededFloats(21, numBlocks * bytesPerBlock, 128), (x) => Math.floor(x) & 255);
  const view = new DataView(bytes.buffer);
  const noise = seededFloats(22, 2 * numBlocks, 0.02);
  for (let block = 0; block < numBlocks; block++) {
    const at = block * bytesPerBlock;
    const [first = 0, second = 0] = [noise[2 * block], noise[2 * block + 1]];
    if (type === "F32") view.setFloat32(at, first, true);
    else if (type === "F16") view.setFloat16(at, first, true);
    else if (type === "BF16") view.setUint16(at, 0x3c00 + ((block * 37) % 257) + (block % 2) * 0x8000, true);
    else view.setFloat16(at + (type === "Q6_K" ? 208 : 0), first, true);
    if (["Q4_1", "Q5_1", "Q4_K", "Q5_K"].includes(type)) view.setFloat16(at + 2, second, true);
  }
  return bytes;
}

function repack(
  type: RepackedType,
  storage: WeightStorage,
  numRows: number,
  rowMap?: readonly number[],
): { readonly source: Uint8Array; readonly packed: Uint8Array } {
  const arena = wasmArena(4 << 20);
  const source = storedRows(type, numRows);
  const { bytesPerBlock, weightsPerBlock } = tensorTypeFacts[type];
  const packedBytes = packedMatrixBytes(storage, numRows, numCols);
  const out = arena.take(packedBytes);
  const job = {
    source: arena.raw(source),
    sourceRowBytes: (numCols / weightsPerBlock) * bytesPerBlock,
    rowMap: rowMap === undefined ? 0 : arena.ints(rowMap),
    out,
    numRows,
    numCols,
    sourceType: tensorTypeCodes[type],
    storage: storageCodes[storage],
    scratch: arena.take(repackScratchBytes),
  };
  const numRowPacks = Math.ceil(numRows / 8);
  arena.run("repackMatrix", job, 1, numRowPacks);
  arena.run("repackMatrix", job, 0, 1);
  assert.deepEqual(arena.brokenGuards(), []);
  return { source, packed: arena.bytes.slice(out, out + packedBytes) };
}

/** Row `row` of a packed matrix, read by the description of the layout. */
function unpackedRow(storage: WeightStorage, packed: Uint8Array, row: number): Float32Array {
  const view = new DataView(packed.buffer);
  const rowPack = (row >> 3) * packedMatrixBytes(storage, 8, numCols);
  const r = row & 7;
  return Float32Array.from({ length: numCols }, (_, k) => {
    const [g, i] = [k >> 5, k & 31];
    switch (storage) {
      case "q4": {
        const at = rowPack + 160 * g;
        const pair = view.getUint8(at + 32 + 32 * (i >> 3) + 4 * r + (i & 3));
        const q = (pair >> (i & 4)) & 15;
        return view.getFloat16(at + 2 * r, true) * q + view.getFloat16(at + 16 + 2 * r, true);
      }
      case "q8": {
        const at = rowPack + 272 * g;
        return view.getFloat16(at + 2 * r, true) * view.getInt8(at + 16 + 32 * (i >> 2) + 4 * r + (i & 3));
      }
      case "f32":
        return view.getFloat32(rowPack + 4 * (8 * k + r), true);
      case "f16":
        return view.getFloat16(rowPack + 2 * (8 * k + r), true);
      case "bf16": {
        const word = new DataView(new ArrayBuffer(4));
        word.setUint16(0, view.getUint16(rowPack + 2 * (8 * k + r), true));
        return word.getFloat32(0);
      }
    }
  });
}

/** Largest error of a group of 32, by the rounding of each pair of types. */
type Tolerance = (group: Float32Array) => number;

const exact: Tolerance = () => 0;
const largestOf = (group: Float32Array): number => Math.max(...group.map(Math.abs));
const halfStepOfInt8: Tolerance = (group) => (largestOf(group) / 127) * 0.5 * 1.02 + 1e-7;
const halfStepOfInt4: Tolerance = (group) => (Math.max(...group) - Math.min(...group)) / 15 + 1e-7;
const roundedTo =
  (relative: number): Tolerance =>
  (group) =>
    largestOf(group) * relative + 2 ** -25;

const cases: readonly (readonly [RepackedType, WeightStorage, Tolerance])[] = [
  ["Q4_0", "q4", exact],
  ["Q4_1", "q4", exact],
  ["Q5_0", "q8", exact],
  ["Q8_0", "q8", exact],
  // q up to 15 times a scale rounded to 11 bits, plus a minimum rounded to 11 bits; both may be larger than the sum.
  ["Q4_K", "q4", (group) => (largestOf(group) + 63 * 0.02) * 2 ** -9],
  ["Q5_1", "q8", halfStepOfInt8],
  ["Q5_K", "q8", halfStepOfInt8],
  ["Q6_K", "q8", halfStepOfInt8],
  ["F32", "q8", halfStepOfInt8],
  ["F16", "q8", halfStepOfInt8],
  ["BF16", "q8", halfStepOfInt8],
  ["F32", "q4", halfStepOfInt4],
  ["BF16", "q4", halfStepOfInt4],
  ["F32", "f32", exact],
  ["F16", "f16", exact],
  ["F16", "f32", exact],
  ["BF16", "bf16", exact],
  ["BF16", "f32", exact],
  ["F32", "f16", roundedTo(2 ** -11)],
  ["F32", "bf16", roundedTo(2 ** -8)],
  ["Q6_K", "f32", roundedTo(2 ** -22)],
  ["Q8_0", "f16", roundedTo(2 ** -11)],
];

describe("repack", () => {
  for (const [type, storage, tolerance] of cases)
    for (const numRows of [16, 19])
      test(`${type} to ${storage}, ${numRows} rows`, () => {
        const { source, packed } = repack(type, storage, numRows);
        const wanted = dequantize(type, source);
        for (let row = 0; row < numRows; row++) {
          const actual = unpackedRow(storage, packed, row);
          for (let k = 0; k < numCols; k += 32) {
            const group = wanted.subarray(row * numCols + k, row * numCols + k + 32);
            const allowed = tolerance(group);
            group.forEach((w, i) => {
              const difference = Math.abs((actual[k + i] ?? Number.NaN) - w);
              assert.ok(difference <= allowed, `row ${row}, number ${k + i}: off by ${difference}`);
            });
          }
        }
        for (let row = numRows; row % 8 !== 0; row++)
          assert.ok(unpackedRow(storage, packed, row).every((w) => w === 0));
      });

  test("rows go where the map says", () => {
    const rowMap = [3, 0, 7, 1, 2, 9, 8, 4, 6, 5];
    const { source, packed } = repack("Q4_1", "q4", rowMap.length, rowMap);
    const wanted = dequantize("Q4_1", source);
    rowMap.forEach((stored, row) => {
      assert.deepEqual(
        unpackedRow("q4", packed, row),
        wanted.slice(stored * numCols, (stored + 1) * numCols),
      );
    });
  });

  test("4-bit quantisation leaves a smaller squared error than the plain range would", () => {
    const { source, packed } = repack("F32", "q4", 16);
    const wanted = dequantize("F32", source);
    let [fitted, plain] = [0, 0];
    for (let row = 0; row < 16; row++) {
      const actual = unpackedRow("q4", packed, row);
      for (let k = 0; k < numCols; k += 32) {
        const group = wanted.subarray(row * numCols + k, row * numCols + k + 32);
        const min = Math.min(...group);
        const scale = (Math.max(...group) - min) / 15;
        group.forEach((w, i) => {
          fitted += ((actual[k + i] ?? 0) - w) ** 2;
          plain += (Math.round((w - min) / scale) * scale + min - w) ** 2;
        });
      }
    }
    assert.ok(fitted < plain, `${fitted} against ${plain}`);
  });
});

test("vectors: mapped, widened, one added", () => {
  const arena = wasmArena(1 << 20);
  const source = arena.raw(storedRows("BF16", 1));
  const wanted = dequantize("BF16", storedRows("BF16", 1));
  const elementMap = arena.ints([5, 4, 3, 2, 1, 0]);
  const out = arena.take(4 * 6);
  const job = { source, elementMap, out, sourceType: tensorTypeCodes.BF16, addend: 1 };
  arena.run("repackVector", job, 0, 6);
  assert.deepEqual(
    arena.readFloats(out, 6),
    wanted
      .slice(0, 6)
      .toReversed()
      .map((x) => x + 1),
  );
});
