/** @module A seeded job for each kernel with machine code: the self-test and the fuzz tests run them. */

import type { SeededNumbers } from "../../../seeded-numbers.ts";
import { rowsPerPack } from "../../footprint/weight-layout.ts";
import type { KernelName } from "../jobs.ts";
import { attentionCase } from "./attention-case.ts";
import { floatMatmulCase } from "./float-matmul-case.ts";
import type { KernelArena } from "./kernel-arena.ts";
import type { KernelCase } from "./kernel-case.ts";
import { quantizeCase } from "./quantize-case.ts";
import { type MatmulCase, matmulFloats, placeMatmul, randomMatmul } from "./quantized-matmul-case.ts";

/** `brief` cases are small, for the start of a server; `thorough` ones are larger, for tests. */
export type Effort = "brief" | "thorough";
type MakeCase = (arena: KernelArena, random: SeededNumbers, effort: Effort) => KernelCase;
const cacheBytes = { brief: 30_000, thorough: 160_000 } as const;

/** Large enough for every width of tile, several groups, and a row pack that is not full. */
const largestMatmul = { numTokens: 20, numRows: 40, numGroups: 6 };

/** Half of the cases have results that are only integer sums, so that a wrong sum cannot pass as a rounding. */
const matmul =
  (kernel: "matmulQ4" | "matmulQ8", storage: "q4" | "q8"): MakeCase =>
  (arena, random) => {
    const isExact = random.between(0, 1) === 0;
    const any = randomMatmul(random, storage, largestMatmul);
    const shape: MatmulCase = isExact ? { ...any, ...sumsAlone } : any;
    const values = placeMatmul(arena, random, shape);
    return {
      kernel,
      values,
      numUnits: Math.ceil(shape.numRows / rowsPerPack),
      floats: isExact ? [] : matmulFloats(values),
    };
  };
const sumsAlone = { hasBias: false, accumulate: false, scale: 1, scales: "one" } as const;

export const kernelCases = {
  matmulQ4: matmul("matmulQ4", "q4"),
  matmulQ8: matmul("matmulQ8", "q8"),
  matmulF32: (arena, random) => floatMatmulCase(arena, random, "f32"),
  matmulF16: (arena, random) => floatMatmulCase(arena, random, "f16"),
  matmulBf16: (arena, random) => floatMatmulCase(arena, random, "bf16"),
  quantizeRows: (arena, random) => quantizeCase(arena, random, "quantizeRows"),
  normQuantize: (arena, random) => quantizeCase(arena, random, "normQuantize"),
  gluQuantize: (arena, random) => quantizeCase(arena, random, "gluQuantize"),
  attentionF16: (arena, random, effort) => attentionCase(arena, random, "f16", cacheBytes[effort]),
  attentionInt8: (arena, random, effort) => attentionCase(arena, random, "int8", cacheBytes[effort]),
  attentionInt4: (arena, random, effort) => attentionCase(arena, random, "int4", cacheBytes[effort]),
} as const satisfies Partial<Record<KernelName, MakeCase>>;

/** Kernels that have cases. */
export type TriedKernel = keyof typeof kernelCases;
