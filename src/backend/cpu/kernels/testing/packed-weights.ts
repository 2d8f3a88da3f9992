/** @module Packed matrices for tests, written number by number from the description of the layout. */
import type { WeightStorage } from "../../../../core/weight-storage.ts";
import { packedMatrixBytes, rowPackBytes } from "../../footprint/weight-layout.ts";

export interface PackedMatrix {
  readonly bytes: Uint8Array;
  /** The numbers that the packed bytes stand for, [numRows × numCols]. */
  readonly values: Float32Array;
}

/** Packs `weights` [numRows × numCols]; quantized kinds take plain round-to-nearest over each group's range. */
export function packMatrix(
  storage: WeightStorage,
  weights: Float32Array,
  numRows: number,
  numCols: number,
): PackedMatrix {
  const bytes = new Uint8Array(packedMatrixBytes(storage, numRows, numCols));
  const view = new DataView(bytes.buffer);
  const values = new Float32Array(numRows * numCols);
  for (let row = 0; row < numRows; row++) {
    const rowPack = (row >> 3) * rowPackBytes(storage, numCols);
    const from = row * numCols;
    const out = values.subarray(from, from + numCols);
    packers[storage](view, rowPack, row & 7, weights.subarray(from, from + numCols), out);
  }
  return { bytes, values };
}

type RowPacker = (
  view: DataView,
  rowPack: number,
  row: number,
  weights: Float32Array,
  values: Float32Array,
) => void;

const packers: Readonly<Record<WeightStorage, RowPacker>> = {
  q4: packQ4Row,
  q8: packQ8Row,
  f32: (view, rowPack, row, weights, values) => {
    weights.forEach((w, k) => {
      view.setFloat32(rowPack + 4 * (8 * k + row), w, true);
      values[k] = w;
    });
  },
  f16: (view, rowPack, row, weights, values) => {
    weights.forEach((w, k) => {
      view.setFloat16(rowPack + 2 * (8 * k + row), w, true);
      values[k] = Math.f16round(w);
    });
  },
  bf16: (view, rowPack, row, weights, values) => {
    const word = new DataView(new ArrayBuffer(4));
    weights.forEach((w, k) => {
      word.setFloat32(0, w);
      const bits = word.getUint16(0);
      view.setUint16(rowPack + 2 * (8 * k + row), bits, true);
      word.setUint32(0, bits * 65536);
      values[k] = word.getFloat32(0);
    });
  },
};

function packQ4Row(
  view: DataView,
  rowPack: number,
  row: number,
  weights: Float32Array,
  values: Float32Array,
): void {
  for (let g = 0; g < weights.length / 32; g++) {
    const at = rowPack + 160 * g;
    const group = weights.subarray(32 * g, 32 * g + 32);
    const min = Math.f16round(Math.min(...group));
    const scale = Math.f16round((Math.max(...group) - min) / 15);
    view.setFloat16(at + 2 * row, scale, true);
    view.setFloat16(at + 16 + 2 * row, min, true);
    group.forEach((w, k) => {
      const q = Math.max(0, Math.min(15, Math.round((w - min) / scale)));
      const byte = at + 32 + 32 * (k >> 3) + 4 * row + (k & 3);
      view.setUint8(byte, view.getUint8(byte) | (q << (k & 4)));
      values[32 * g + k] = scale * q + min;
    });
  }
}

function packQ8Row(
  view: DataView,
  rowPack: number,
  row: number,
  weights: Float32Array,
  values: Float32Array,
): void {
  for (let g = 0; g < weights.length / 32; g++) {
    const at = rowPack + 272 * g;
    const group = weights.subarray(32 * g, 32 * g + 32);
    const scale = Math.f16round(Math.max(...group.map(Math.abs)) / 127);
    view.setFloat16(at + 2 * row, scale, true);
    group.forEach((w, k) => {
      const q = Math.max(-127, Math.min(127, Math.round(w / scale)));
      view.setInt8(at + 16 + 32 * (k >> 2) + 4 * row + (k & 3), q);
      values[32 * g + k] = scale * q;
    });
  }
}
