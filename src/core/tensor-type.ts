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
  | "Q4_K"
  | "Q5_K"
  | "Q6_K";

export interface TensorTypeFacts {
  /** Weights in one block of the encoding. */
  readonly weightsPerBlock: number;
  readonly bytesPerBlock: number;
}

/** Source: ggml-common.h block structs (block_q4_0 … block_q6_K). */
export const tensorTypeFacts: Readonly<Record<TensorType, TensorTypeFacts>> = {
  F32: { weightsPerBlock: 1, bytesPerBlock: 4 },
  F16: { weightsPerBlock: 1, bytesPerBlock: 2 },
  BF16: { weightsPerBlock: 1, bytesPerBlock: 2 },
  Q4_0: { weightsPerBlock: 32, bytesPerBlock: 18 },
  Q4_1: { weightsPerBlock: 32, bytesPerBlock: 20 },
  Q5_0: { weightsPerBlock: 32, bytesPerBlock: 22 },
  Q5_1: { weightsPerBlock: 32, bytesPerBlock: 24 },
  Q8_0: { weightsPerBlock: 32, bytesPerBlock: 34 },
  Q4_K: { weightsPerBlock: 256, bytesPerBlock: 144 },
  Q5_K: { weightsPerBlock: 256, bytesPerBlock: 176 },
  Q6_K: { weightsPerBlock: 256, bytesPerBlock: 210 },
};
