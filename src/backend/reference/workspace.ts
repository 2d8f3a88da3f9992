/** @module The data that the operations of a program use: float32 matrices, the step's inputs, the cache. */
import type { StepInputs } from "../backend.ts";
import type { Columns, RopeTable } from "../program.ts";
import type { KvStore } from "./kv-store.ts";

/** A float32 matrix, row-major. */
export interface Matrix {
  readonly data: Float32Array;
  readonly width: number;
}

/** The data that operations use. */
export interface Workspace {
  readonly inputs: StepInputs;
  readonly blockSize: number;
  readonly buffers: readonly Matrix[];
  readonly weights: readonly Matrix[];
  readonly ropeTables: readonly RopeTable[];
  readonly kvStores: readonly KvStore[];
}

export function matrixOf(matrices: readonly Matrix[], id: number): Matrix {
  return matrices[id] as Matrix;
}

export function row({ data, width }: Matrix, t: number): Float32Array {
  return data.subarray(t * width, (t + 1) * width);
}

/** `width` columns of row t of a buffer, `skip` past where `place` says. */
export function columns(space: Workspace, place: Columns, t: number, width: number, skip = 0): Float32Array {
  const start = place.offset + skip;
  return row(matrixOf(space.buffers, place.bufferId), t).subarray(start, start + width);
}

/** Entry of a typed array whose index is within it by construction. */
export function at(values: Float32Array | Int32Array, index: number): number {
  return values[index] as number;
}
