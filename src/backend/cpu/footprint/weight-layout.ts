/**
 * @module The layout in which the CPU backend holds a weight matrix [numRows, numCols] in memory.
 *
 * Eight rows form a row pack; the last one is padded with zero rows. A row pack of a quantized matrix is numCols/32 groups,
 * one after another:
 *
 *   q4 group, 160 bytes                                q8 group, 272 bytes
 *   ├ scales  8 × f16   (row 0 … row 7)                ├ scales  8 × f16
 *   ├ mins    8 × f16                                  └ data    8 vectors of 32 bytes
 *   └ data    4 vectors of 32 bytes                         byte 4r+i of vector j = q[row r][k = 4j+i], signed
 *        byte 4r+i of vector j:
 *          low nibble   q[row r][k = 8j+i],   high nibble  q[row r][k = 8j+4+i]      (0 ≤ i < 4, 0 ≤ q ≤ 15)
 *
 *   q4: w = scale·q + min        q8: w = scale·q
 *
 * A float matrix (f32, f16, bf16) holds per row pack numCols × 8 numbers: the 8 rows of column k next to each other.
 * A vector (norm weight, bias) is plain f32. Words like row pack, group and panel are in docs/glossary.md.
 */
import { groupWidth, type WeightStorage } from "../../../core/weight-storage.ts";

export const rowsPerPack = 8;
const bytesPerGroup = { q4: 160, q8: 272 } as const;
const bytesPerNumber = { f16: 2, bf16: 2, f32: 4 } as const;

/** Bytes of one row pack. `numCols` must be a multiple of 32 for q4 and q8. */
export function rowPackBytes(storage: WeightStorage, numCols: number): number {
  if (storage === "q4" || storage === "q8") return (numCols / groupWidth) * bytesPerGroup[storage];
  return numCols * rowsPerPack * bytesPerNumber[storage];
}

/** Bytes of a packed matrix, padding rows included. */
export function packedMatrixBytes(storage: WeightStorage, numRows: number, numCols: number): number {
  return Math.ceil(numRows / rowsPerPack) * rowPackBytes(storage, numCols);
}
