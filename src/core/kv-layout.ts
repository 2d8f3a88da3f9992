/**
 * @module The layout of the paged KV cache, per layer.
 *
 * A block holds `blockSize` tokens (a multiple of 16) as blockSize/16 tiles; a tile holds 16 tokens of every KV head:
 *
 *   layer region:  [numBlocks × blockSize/16 tiles][numKvHeads] { K data | V data | K params | V params }
 *     K data    [headDim][16 tokens]       one vector load = one dimension of 16 tokens; sums over d need no shuffles
 *     V data    [16 tokens][headDim]
 *     params    16 tokens × (scale f16, min f16), only for int8 and int4:  x = scale·q + min, q unsigned
 *
 * f16: 2 bytes a number; int8: 1; int4: two numbers a byte, K: tokens t (low nibble) and t+8 (high nibble) share
 * byte t of row d; V: dimension d (low) and d + headDim/2 (high) share byte d of row t.
 *
 * slot = blockId × blockSize + offset in the block; tile = slot ÷ 16 (rounded down); so kernels see the block size
 * only through the block table.
 */
export type KvDtype = "f16" | "int8" | "int4";

export const tokensPerTile = 16;
const bitsPerNumber = { f16: 16, int8: 8, int4: 4 } as const;

export interface KvLayerShape {
  readonly numKvHeads: number;
  /** Width of a key and of a value; even. */
  readonly headDim: number;
}

/** Bytes of K data (= V data) of one KV head in one tile. */
export function tileDataBytes(dtype: KvDtype, headDim: number): number {
  return (tokensPerTile * headDim * bitsPerNumber[dtype]) / 8;
}

/** Bytes of one KV head in one tile: K and V data and, where quantized, their scales and minima. */
export function tileHeadBytes(dtype: KvDtype, headDim: number): number {
  return 2 * tileDataBytes(dtype, headDim) + (dtype === "f16" ? 0 : 2 * tokensPerTile * 4);
}

/** Blocks that hold `numTokens` tokens of one sequence: numTokens ÷ blockSize, rounded up. */
export function blocksOfLength(numTokens: number, blockSize: number): number {
  return Math.ceil(numTokens / blockSize);
}

/** Bytes of one block in all layers. */
export function kvBlockBytes(dtype: KvDtype, layers: readonly KvLayerShape[], blockSize: number): number {
  return layers.reduce((sum, layer) => sum + layerBlockBytes(dtype, layer, blockSize), 0);
}

/** Bytes of one block in one layer. */
export function layerBlockBytes(dtype: KvDtype, layer: KvLayerShape, blockSize: number): number {
  return (blockSize / tokensPerTile) * layer.numKvHeads * tileHeadBytes(dtype, layer.headDim);
}
