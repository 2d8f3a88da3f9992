/** @module How a stored tensor encodes its numbers: the names of GGML and safetensors. */

export type TensorType =
  | "F32"
  | "F16"
  | "BF16"
  | "Q4_0"
  | "Q4_1"
  | "Q5_0"
  | "Q5_1"
  | "Q8_0"
  | "Q2_K"
  | "Q3_K"
  | "Q4_K"
  | "Q5_K"
  | "Q6_K"
  | "IQ1_S"
  | "IQ1_M"
  | "IQ2_XXS"
  | "IQ2_XS"
  | "IQ2_S"
  | "IQ3_XXS"
  | "IQ3_S"
  | "IQ4_NL"
  | "IQ4_XS"
  | "TQ1_0"
  | "TQ2_0"
  | "Q1_0"
  | "Q2_0"
  | "MXFP4"
  | "NVFP4";

export interface TensorTypeFacts {
  /** Weights in one block of the encoding. */
  readonly weightsPerBlock: number;
  readonly bytesPerBlock: number;
}

/** Source: ggml-common.h block structs (block_q4_0 … block_nvfp4). */
export const tensorTypeFacts: Readonly<Record<TensorType, TensorTypeFacts>> = {
  F32: { weightsPerBlock: 1, bytesPerBlock: 4 },
  F16: { weightsPerBlock: 1, bytesPerBlock: 2 },
  BF16: { weightsPerBlock: 1, bytesPerBlock: 2 },
  Q4_0: { weightsPerBlock: 32, bytesPerBlock: 18 },
  Q4_1: { weightsPerBlock: 32, bytesPerBlock: 20 },
  Q5_0: { weightsPerBlock: 32, bytesPerBlock: 22 },
  Q5_1: { weightsPerBlock: 32, bytesPerBlock: 24 },
  Q8_0: { weightsPerBlock: 32, bytesPerBlock: 34 },
  Q2_K: { weightsPerBlock: 256, bytesPerBlock: 84 },
  Q3_K: { weightsPerBlock: 256, bytesPerBlock: 110 },
  Q4_K: { weightsPerBlock: 256, bytesPerBlock: 144 },
  Q5_K: { weightsPerBlock: 256, bytesPerBlock: 176 },
  Q6_K: { weightsPerBlock: 256, bytesPerBlock: 210 },
  IQ1_S: { weightsPerBlock: 256, bytesPerBlock: 50 },
  IQ1_M: { weightsPerBlock: 256, bytesPerBlock: 56 },
  IQ2_XXS: { weightsPerBlock: 256, bytesPerBlock: 66 },
  IQ2_XS: { weightsPerBlock: 256, bytesPerBlock: 74 },
  IQ2_S: { weightsPerBlock: 256, bytesPerBlock: 82 },
  IQ3_XXS: { weightsPerBlock: 256, bytesPerBlock: 98 },
  IQ3_S: { weightsPerBlock: 256, bytesPerBlock: 110 },
  IQ4_NL: { weightsPerBlock: 32, bytesPerBlock: 18 },
  IQ4_XS: { weightsPerBlock: 256, bytesPerBlock: 136 },
  TQ1_0: { weightsPerBlock: 256, bytesPerBlock: 54 },
  TQ2_0: { weightsPerBlock: 256, bytesPerBlock: 66 },
  Q1_0: { weightsPerBlock: 128, bytesPerBlock: 18 },
  Q2_0: { weightsPerBlock: 64, bytesPerBlock: 18 },
  MXFP4: { weightsPerBlock: 32, bytesPerBlock: 17 },
  NVFP4: { weightsPerBlock: 64, bytesPerBlock: 36 },
};
