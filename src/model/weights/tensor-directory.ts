/** @module Where each tensor of a checkpoint lies on disk. Only headers have been read; a backend reads the bytes. */
import type { TensorType } from "../../core/tensor-type.ts";

export interface StoredTensor {
  readonly name: string;
  /** Outermost first, as in safetensors: a matrix is [outputs, inputs]. */
  readonly shape: readonly number[];
  readonly type: TensorType;
  readonly path: string;
  /** From the start of the file `path`; byteOffset + numBytes has been checked against the file's length. */
  readonly byteOffset: number;
  readonly numBytes: number;
}

export type TensorDirectory = ReadonlyMap<string, StoredTensor>;
