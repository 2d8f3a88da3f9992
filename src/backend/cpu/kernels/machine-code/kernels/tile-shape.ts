/**
 * @module What a tile of a product of quantised weights is: octets × tokens, in vectors of the target.
 *
 *   AVX2, 4 bits      two octets × 4 tokens, each octet a vector: activations repeated once serve both
 *   AVX2, 8 bits      one octet × 8 tokens: signs take the registers that a second one would need
 *   AVX-512           two octets × 8 tokens, both in one vector
 *
 * One or two tokens are another matter: such a product waits for memory.
 *
 *   AVX2, one token   four octets from four places of the share (matmul-streams.ts)
 *   else              one octet, one stream of weights: of two that lie beside each other it is the faster (Zen 4; 4 bits:
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
  readonly numOctets: 1 | 2 | 4;
  readonly numTokens: number;
}
export type WalkShape = Omit<TileShape, "numTokens">;

/** From so many tokens on octets go two by two; null: they never do. */
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
export function vectorBitsOf({ target, numOctets }: WalkShape): 256 | 512 {
  return numOctets === 2 ? target.vectorBits : 256;
}

/** Vectors that hold one column of a tile's rows. */
export function vectorsOfRows(shape: WalkShape): number {
  return (shape.numOctets * 256) / vectorBitsOf(shape);
}

/** Tokens of a tile, widest first; what is left at the end takes the narrowest tile that holds it. */
export function tileWidths(shape: WalkShape): readonly number[] {
  return vectorsOfRows(shape) === 2 ? [4, 2, 1] : [8, 6, 4, 2, 1];
}
