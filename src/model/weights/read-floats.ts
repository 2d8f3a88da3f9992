/** @module The numbers of a small F32 tensor, for those that belong to the configuration rather than to the weights. */

import { closeSync, openSync, readSync } from "node:fs";
import { PagodaError } from "../../core/errors.ts";
import { damagedGguf } from "../files/damage-hints.ts";
import type { StoredTensor } from "./tensor-directory.ts";

/** Throws PagodaError `model_invalid` for a tensor that is not F32 [numFloats]. */
export function readFloats(tensor: StoredTensor, numFloats: number): readonly number[] {
  if (tensor.type !== "F32" || tensor.shape.length !== 1 || tensor.shape[0] !== numFloats)
    throw new PagodaError(
      "model_invalid",
      `Tensor ${tensor.name} is ${tensor.type} [${tensor.shape.join(", ")}]; F32 [${numFloats}] is expected.`,
      { hint: damagedGguf },
    );
  const bytes = Buffer.alloc(tensor.numBytes);
  const file = openSync(tensor.path, "r");
  try {
    readSync(file, bytes, 0, tensor.numBytes, tensor.byteOffset);
  } finally {
    closeSync(file);
  }
  return Array.from({ length: numFloats }, (_, i) => bytes.readFloatLE(4 * i));
}
