/** @module Matrix products of float weights for tests of kernels. */

import type { WeightStorage } from "../../../../core/weight-storage.ts";
import type { SeededNumbers } from "../../../seeded-numbers.ts";
import { packedMatrixBytes, rowsPerPack } from "../../footprint/weight-layout.ts";
import type { KernelArena } from "./kernel-arena.ts";
import type { KernelCase } from "./kernel-case.ts";
import { matmulFloats, randomHalf } from "./quantized-matmul-case.ts";

const kernelNames = { f32: "matmulF32", f16: "matmulF16", bf16: "matmulBf16" } as const;

/** A job whose matrix has any number of rows and columns. */
export function floatMatmulCase(
  arena: KernelArena,
  random: SeededNumbers,
  storage: Exclude<WeightStorage, "q4" | "q8">,
): KernelCase {
  const numTokens = random.between(1, random.between(1, 16));
  const numRows = random.between(1, random.between(1, 40));
  const numCols = random.between(1, random.between(1, 70));
  const weightBytes = packedMatrixBytes(storage, numRows, numCols);
  const weights = arena.take(weightBytes);
  const numNumbers = weightBytes / (storage === "f32" ? 4 : 2);
  for (let i = 0; i < numNumbers; i++) {
    if (storage === "f32") arena.f32[weights / 4 + i] = random.signed();
    // The bits of a bf16 are the upper half of an f32: here one of moderate size with a random sign.
    else
      arena.u16[weights / 2 + i] = storage === "f16" ? randomHalf(random) : 0x3c00 ^ (random.bits() & 0x83ff);
  }
  const [inputStride, outStride] = [
    4 * (numCols + random.between(0, 3)),
    4 * (numRows + random.between(0, 3)),
  ];
  const floats = (count: number): number =>
    arena.floats(Array.from({ length: count }, () => random.signed()));
  const numOut = (outStride / 4) * (numTokens - 1) + numRows;
  const out = floats(numOut);
  const values = {
    input: floats((inputStride / 4) * (numTokens - 1) + numCols),
    inputStride,
    numTokens,
    weights,
    numRows,
    numCols,
    out,
    outStride,
    bias: random.between(0, 1) === 0 ? 0 : floats(numRows),
    scale: random.between(0, 1) === 0 ? 1 : random.signed(),
    accumulate: random.between(0, 1),
  };
  return {
    kernel: kernelNames[storage],
    values,
    numUnits: Math.ceil(numRows / rowsPerPack),
    floats: matmulFloats(values),
  };
}
