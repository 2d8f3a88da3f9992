/**
 * @module The shapes of tiles of a product with quantized weights: row packs × tokens, in vectors of the target.
 *
 *   AVX2, 4 bits      two row packs × 4 tokens, each row pack is a vector: repeated activations serve both
 *   AVX2, 8 bits      one row pack × 8 tokens: signs use the registers of a second one
 *   AVX-512           two row packs × 8 tokens, both in one vector
 *
 * A product of one or two tokens waits for memory, and has other shapes:
 *
 *   AVX2, one token   four row packs from four places of the share (matmul-streams.ts)
 *   else              one row pack, one stream of weights: faster than two adjacent row packs (Zen 4; 4 bits: 10 %; 8 bits: 10
 *                     to 50 %)
 */
import type { WeightStorage } from "../../../../../core/weight-storage.ts";
import type { Target, TargetName } from "../processor/targets.ts";

export type QuantizedStorage = Extract<WeightStorage, "q4" | "q8">;

/** Everything that a tile's code depends on. */
export interface TileShape {
  readonly storage: QuantizedStorage;
  readonly target: Target;
  /** Of 8 rows each. */
  readonly numRowPacks: 1 | 2 | 4;
  readonly numTokens: number;
}
export type WalkShape = Omit<TileShape, "numTokens">;

/** Row packs are taken in pairs from this many tokens on; null: never. */
const fewestForPairs: Readonly<Record<TargetName, Readonly<Record<QuantizedStorage, number | null>>>> = {
  avx2: { q4: 3, q8: null },
  "avx-vnni": { q4: null, q8: null },
  "avx512-vnni": { q4: 2, q8: 3 },
};
export function fewestTokensForPairs({ name }: Target, storage: QuantizedStorage): number | null {
  return fewestForPairs[name][storage];
}

/** Whether products of one token read four places in parallel. */
export function readsStreams({ byteDot }: Target): boolean {
  return byteDot === "maddubs";
}

/** Bits of each vector of rows. */
export function vectorBitsOf({ target, numRowPacks }: WalkShape): 256 | 512 {
  return numRowPacks === 2 ? target.vectorBits : 256;
}

/** Vectors that hold one column of a tile's rows. */
export function vectorsOfRows(shape: WalkShape): number {
  return (shape.numRowPacks * 256) / vectorBitsOf(shape);
}

/** Tokens of a tile, widest first; the last tokens take the narrowest tile that holds them. */
export function tileWidths(shape: WalkShape): readonly number[] {
  return vectorsOfRows(shape) === 2 ? [4, 2, 1] : [8, 6, 4, 2, 1];
}
