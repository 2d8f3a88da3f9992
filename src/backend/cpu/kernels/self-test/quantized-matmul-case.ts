/** @module Matrix products of quantized weights for tests of kernels: seeded operands in the real layouts. */
import { groupWidth } from "../../../../core/weight-storage.ts";
import type { SeededNumbers } from "../../../seeded-numbers.ts";
import { packedMatrixBytes, rowPackBytes, rowsPerPack } from "../../footprint/weight-layout.ts";
import { quantizedBytes, tokensPerPack } from "../../footprint/workspace-layout.ts";
import type { JobValues } from "../jobs.ts";
import type { KernelArena } from "./kernel-arena.ts";
import type { ByteRange } from "./kernel-case.ts";

type QuantizedStorage = "q4" | "q8";

export interface MatmulCase {
  readonly storage: QuantizedStorage;
  readonly numTokens: number;
  readonly numRows: number;
  readonly numCols: number;
  readonly hasBias: boolean;
  readonly accumulate: boolean;
  readonly scale: number;
  /** Scales of weights and activations; by default any that a file may hold. */
  readonly scales?: ScaleKind;
}

/**
 * `any`: sometimes 0 or a subnormal, which fuzz tests need and which slow a processor down. `ordinary`: as in real weights, for
 * benchmarks. `one`: 1 and −1, so that every result is a whole number below 2^24 and therefore exact.
 */
export type ScaleKind = "any" | "ordinary" | "one";

/** A shape with at least one row, token and group and at most `largest`; small ones are more frequent. */
export function randomMatmul(
  random: SeededNumbers,
  storage: QuantizedStorage,
  largest: { readonly numTokens: number; readonly numRows: number; readonly numGroups: number },
): MatmulCase {
  return {
    storage,
    numTokens: random.between(1, random.between(1, largest.numTokens)),
    numRows: random.between(1, random.between(1, largest.numRows)),
    numCols: groupWidth * random.between(1, random.between(1, largest.numGroups)),
    hasBias: random.between(0, 1) === 1,
    accumulate: random.between(0, 1) === 1,
    scale: random.between(0, 1) === 1 ? 1 : random.signed(),
  };
}

const tokenPackGroupBytes = quantizedBytes(tokensPerPack, groupWidth);
const halfOfOne = 0x3c00;

/** f16 bits of numbers from 2^-14 to 2^-6 with either sign, sometimes 0 or a subnormal. */
export function randomHalf(random: SeededNumbers): number {
  const bits = random.bits();
  return (bits & 15) === 0 ? (bits >> 4) & 3 : halfOf(bits >> 4);
}

/** An ordinary one: sign, exponent from 1 to 8, fraction. It takes one draw, because a self-test needs some 10⁵ of them. */
function halfOf(bits: number): number {
  return ((bits & 1) << 15) | ((1 + ((bits >> 1) & 7)) << 10) | ((bits >> 4) & 1023);
}

/** f16 bits of a weight's scale. */
const weightScale: Readonly<Record<ScaleKind, (random: SeededNumbers) => number>> = {
  any: randomHalf,
  ordinary: (random) => halfOf(random.bits()),
  one: (random) => (random.between(0, 1) << 15) | halfOfOne,
};

/** The results of a product: every token's row. */
export function matmulFloats({ out, outStride, numTokens, numRows }: JobValues<"matmulQ4">): ByteRange[] {
  return Array.from({ length: numTokens }, (_, token) => {
    const start = out + token * outStride;
    return { start, end: start + 4 * numRows };
  });
}

/** Fills new regions of the arena with a case. @returns the job's values; `out` holds seeded numbers to add to */
export function placeMatmul(arena: KernelArena, random: SeededNumbers, c: MatmulCase): JobValues<"matmulQ4"> {
  const weights = arena.take(packedMatrixBytes(c.storage, c.numRows, c.numCols));
  const groupBytes = rowPackBytes(c.storage, groupWidth);
  const numHalves = c.storage === "q4" ? 2 * rowsPerPack : rowsPerPack;
  const scales = c.scales ?? "any";
  for (
    let at = weights;
    at < weights + packedMatrixBytes(c.storage, c.numRows, c.numCols);
    at += groupBytes
  ) {
    for (let i = 0; i < groupBytes; i += 4) arena.i32[(at + i) / 4] = random.bits();
    for (let i = 0; i < numHalves; i++) arena.u16[at / 2 + i] = weightScale[scales](random);
  }
  const outStride = 4 * (c.numRows + random.between(0, 3));
  return {
    input: placeTokenPacks(arena, random, c),
    inputStride: 0,
    numTokens: c.numTokens,
    weights,
    numRows: c.numRows,
    numCols: c.numCols,
    // The region ends with the last token's last row, so that a write past it hits a guard.
    out: arena.floats(
      Array.from({ length: (outStride / 4) * (c.numTokens - 1) + c.numRows }, () => random.signed()),
    ),
    outStride,
    bias: c.hasBias ? arena.floats(Array.from({ length: c.numRows }, () => random.signed())) : 0,
    scale: c.scale,
    accumulate: c.accumulate ? 1 : 0,
  };
}

/** Quantized activations. Padding tokens hold the worst possible values: bytes of −128 and NaN scales. */
function placeTokenPacks(
  arena: KernelArena,
  random: SeededNumbers,
  { numTokens, numCols, scales }: MatmulCase,
): number {
  const numGroups = numCols / groupWidth;
  const numTokenPacks = Math.ceil(numTokens / tokensPerPack);
  const input = arena.take(numTokenPacks * numGroups * tokenPackGroupBytes);
  for (let tokenPack = 0; tokenPack < numTokenPacks; tokenPack++)
    for (let group = 0; group < numGroups; group++)
      for (let token = 0; token < tokensPerPack; token++) {
        const at = input + (tokenPack * numGroups + group) * tokenPackGroupBytes;
        const isPadding = tokenPack * tokensPerPack + token >= numTokens;
        const isExtreme = random.between(0, 7) === 0;
        let sum = 0;
        for (let k = 0; k < groupWidth; k++) {
          const q = isPadding ? -128 : isExtreme ? 127 : random.between(-127, 127);
          arena.bytes[at + (k >> 2) * 16 + 4 * token + (k & 3)] = q;
          sum += q;
        }
        arena.f32[(at + 128) / 4 + token] = isPadding
          ? Number.NaN
          : scales === "one"
            ? 1
            : Math.abs(random.signed());
        arena.f32[(at + 144) / 4 + token] = isPadding ? Number.NaN : sum;
      }
  return input;
}
