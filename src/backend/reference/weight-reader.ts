/** @module Reads a declared weight from its file into float32, row-major, in the order that operations expect. */
import { closeSync, openSync, readSync } from "node:fs";
import { PagodaError } from "../../core/errors.ts";
import type { WeightDeclaration, WeightOrigin } from "../program.ts";
import { dequantize } from "./dequantize.ts";

/** [numRows, numCols] of the weight, in the orientation of a product. */
export function readWeight(weight: WeightDeclaration): Float32Array {
  const { origin } = weight;
  const stored = dequantize(origin.type, readOrigin(origin));
  const ordered =
    origin.interleavedHeads === undefined
      ? stored
      : undoInterleaving(stored, weight, origin.interleavedHeads.headDim);
  const { factor = 1 } = origin;
  const scaled = factor === 1 ? ordered : ordered.map((value) => value * factor);
  return origin.addOne ? scaled.map((value) => value + 1) : scaled;
}

function readOrigin(origin: WeightOrigin): Uint8Array {
  const bytes = new Uint8Array(origin.numBytes);
  const file = openSync(origin.path, "r");
  try {
    let numRead = 0;
    while (numRead < origin.numBytes) {
      const step = readSync(file, bytes, numRead, origin.numBytes - numRead, origin.byteOffset + numRead);
      if (step === 0)
        throw new PagodaError(
          "model_invalid",
          `${origin.path} ends ${origin.numBytes - numRead} bytes before the end of a tensor.`,
          { hint: "The file changed while it was read, or its download is incomplete: fetch it again." },
        );
      numRead += step;
    }
  } finally {
    closeSync(file);
  }
  return bytes;
}

/** Restores rows (or numbers of a bias) from llama.cpp's order; see `WeightOrigin.interleavedHeads`. */
function undoInterleaving(stored: Float32Array, weight: WeightDeclaration, headDim: number): Float32Array {
  const rowWidth = weight.role === "matrix" ? weight.numCols : 1;
  const ordered = new Float32Array(stored.length);
  for (let row = 0; row < stored.length / rowWidth; row++) {
    const i = row % headDim;
    const storedRow = row - i + (i < headDim / 2 ? 2 * i : 2 * (i - headDim / 2) + 1);
    ordered.set(stored.subarray(storedRow * rowWidth, (storedRow + 1) * rowWidth), row * rowWidth);
  }
  return ordered;
}
