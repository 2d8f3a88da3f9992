/**
 * @module What a tile of a product of quantised weights is: row packs × tokens, in vectors of the target.
 *
 *   AVX2, 4 bits      two row packs × 4 tokens, each row pack a vector: activations repeated once serve both
 *   AVX2, 8 bits      one row pack × 8 tokens: signs take the registers that a second one would need
 *   AVX-512           two row packs × 8 tokens, both in one vector
 *
 * One or two tokens are another matter: such a product waits for memory.
 *
 *   AVX2, one token   four row packs from four places of the share (matmul-streams.ts)
 *   else              one row pack, one stream of weights: of two that lie beside each other it is the faster (Zen 4; 4 bits:
 *                     10 %; 8 bits: 10 to 50 %)
 */
import type { WeightStorage } from "../../../../../core/weight-storage.ts";
import type { Target, TargetName } from "../processor/targets.ts";

export type QuantizedStorage = Extract<WeightStorage, "q4" | "q8">;

/** All that a tile's code depends on. */
export interface TileShape {
  readonly storage: QuantizedStorage;
  readonly target: Target;
  /** 8 rows each. */
  readonly numRowPacks: 1 | 2 | 4;
  readonly numTokens: number;
}
export type WalkShape = Omit<TileShape, "numTokens">;

/** From so many tokens on row packs go two by two; null: they never do. */
const fewestForPairs: Readonly<Record<TargetName, Readonly<Record<QuantizedStorage, number | null>>>> = {
  avx2: { q4: 3, q8: null },
  "avx-vnni": { q4: null, q8: null },
  "avx512-vnni": { q4: 2, q8: 3 },
};
export function fewestTokensForPairs({ name }: Target, storage: QuantizedStorage): number | null {
  return fewestForPairs[name][storage];
}

/** Whether the products of one token read four places at once. */
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

/** Tokens of a tile, widest first; what is left at the end takes the narrowest tile that holds it. */
export function tileWidths(shape: WalkShape): readonly number[] {
  return vectorsOfRows(shape) === 2 ? [4, 2, 1] : [8, 6, 4, 2, 1];
}
