/** @module Which encodings become blocks of another one before they are repacked, and what that makes of their bytes. */
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";

/** The encoding whose blocks they become. */
export const transcodingTargets = {
  Q2_K: "Q8_0",
  Q3_K: "Q8_0",
  IQ1_S: "Q4_1",
  IQ1_M: "Q8_0",
  IQ2_XXS: "Q8_0",
  IQ2_XS: "Q8_0",
  IQ2_S: "Q8_0",
  IQ3_XXS: "Q8_0",
  IQ3_S: "Q8_0",
  IQ4_NL: "Q8_0",
  IQ4_XS: "Q8_0",
  TQ1_0: "Q4_1",
  TQ2_0: "Q4_1",
  Q1_0: "Q4_1",
  Q2_0: "Q4_1",
  MXFP4: "Q8_0",
  NVFP4: "Q8_0",
} as const satisfies Partial<Record<TensorType, "Q4_1" | "Q8_0">>;

export type TranscodedType = keyof typeof transcodingTargets;
/** What the repacking kernels read. */
export type RepackedType = Exclude<TensorType, TranscodedType>;

export const transcodedTypes = Object.keys(transcodingTargets) as readonly TranscodedType[];

export function isTranscoded(type: TensorType): type is TranscodedType {
  return Object.hasOwn(transcodingTargets, type);
}

/** The encoding that the kernels get a tensor of `type` in. */
export function repackedTypeOf(type: TensorType): RepackedType {
  return isTranscoded(type) ? transcodingTargets[type] : type;
}

/** Bytes of `numBytes` stored bytes (whole blocks) as the kernels get them: never fewer. */
export function repackedBytes(type: TensorType, numBytes: number): number {
  const [stored, repacked] = [tensorTypeFacts[type], tensorTypeFacts[repackedTypeOf(type)]];
  const numWeights = (numBytes / stored.bytesPerBlock) * stored.weightsPerBlock;
  return (numWeights / repacked.weightsPerBlock) * repacked.bytesPerBlock;
}
