/** @module The decoder of every encoding that is transcoded, and weights out of it. */
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";
import { type BlockDecoder, emptyBlock, weightsPerScale } from "./decoded-block.ts";
import { decodeQ1, decodeQ2, decodeQ2K, decodeQ3K, decodeTQ1, decodeTQ2 } from "./few-bits.ts";
import { decodeIQ4NL, decodeIQ4XS, decodeMXFP4, decodeNVFP4 } from "./four-bit-floats.ts";
import {
  decodeIQ1M,
  decodeIQ1S,
  decodeIQ2S,
  decodeIQ2XS,
  decodeIQ2XXS,
  decodeIQ3S,
  decodeIQ3XXS,
} from "./lattices.ts";

export const blockDecoders = {
  Q2_K: decodeQ2K,
  Q3_K: decodeQ3K,
  IQ1_S: decodeIQ1S,
  IQ1_M: decodeIQ1M,
  IQ2_XXS: decodeIQ2XXS,
  IQ2_XS: decodeIQ2XS,
  IQ2_S: decodeIQ2S,
  IQ3_XXS: decodeIQ3XXS,
  IQ3_S: decodeIQ3S,
  IQ4_NL: decodeIQ4NL,
  IQ4_XS: decodeIQ4XS,
  TQ1_0: decodeTQ1,
  TQ2_0: decodeTQ2,
  Q1_0: decodeQ1,
  Q2_0: decodeQ2,
  MXFP4: decodeMXFP4,
  NVFP4: decodeNVFP4,
} as const satisfies Partial<Record<TensorType, BlockDecoder>>;

/** The weights of whole blocks in float32, each rounded once. */
export function decodedWeights(type: keyof typeof blockDecoders, bytes: DataView): Float32Array {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  const numBlocks = bytes.byteLength / bytesPerBlock;
  const out = new Float32Array(numBlocks * weightsPerBlock);
  const block = emptyBlock();
  for (let index = 0; index < numBlocks; index++) {
    blockDecoders[type](bytes, index * bytesPerBlock, block);
    for (let i = 0; i < weightsPerBlock; i++) {
      const run = Math.floor(i / weightsPerScale);
      out[index * weightsPerBlock + i] =
        (block.scales[run] ?? 0) * (block.numbers[i] ?? 0) + (block.offsets[run] ?? 0);
    }
  }
  return out;
}
