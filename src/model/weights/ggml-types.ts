/** @module The numbers by which a GGUF file names the encoding of a tensor (`ggml_type` of ggml.h). */
import type { TensorType } from "../../core/tensor-type.ts";

export const ggmlTypeNumbers: Readonly<Record<TensorType, number>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q5_0: 6,
  Q5_1: 7,
  Q8_0: 8,
  Q2_K: 10,
  Q3_K: 11,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
  IQ2_XXS: 16,
  IQ2_XS: 17,
  IQ3_XXS: 18,
  IQ1_S: 19,
  IQ4_NL: 20,
  IQ3_S: 21,
  IQ2_S: 22,
  IQ4_XS: 23,
  IQ1_M: 29,
  BF16: 30,
  TQ1_0: 34,
  TQ2_0: 35,
  MXFP4: 39,
  NVFP4: 40,
  Q1_0: 41,
  Q2_0: 42,
};

const removed = "llama.cpp has removed it";
const activations = "it holds activations between two operations, no file's weights";
const wholeNumbers = "weights are not stored as whole numbers";

/** Numbers that stand for a type all the same, and why no weight of it is read: llama.cpp multiplies with none of them. */
const refusedTypes: ReadonlyMap<number, readonly [name: string, why: string]> = new Map([
  [4, ["Q4_2", removed]],
  [5, ["Q4_3", removed]],
  [9, ["Q8_1", activations]],
  [15, ["Q8_K", activations]],
  [24, ["I8", wholeNumbers]],
  [25, ["I16", wholeNumbers]],
  [26, ["I32", wholeNumbers]],
  [27, ["I64", wholeNumbers]],
  [28, ["F64", "llama.cpp computes nothing with it"]],
  [31, ["Q4_0_4_4", removed]],
  [32, ["Q4_0_4_8", removed]],
  [33, ["Q4_0_8_8", removed]],
  [36, ["IQ4_NL_4_4", removed]],
  [37, ["IQ4_NL_4_8", removed]],
  [38, ["IQ4_NL_8_8", removed]],
]);

const typeOfNumber: ReadonlyMap<number, TensorType> = new Map(
  Object.entries(ggmlTypeNumbers).map(([name, number]) => [number, name as TensorType]),
);

export function ggmlTypeOf(number: number): TensorType | undefined {
  return typeOfNumber.get(number);
}

/** What to say of a number that `ggmlTypeOf` does not know. */
export function refusedGgmlType(number: number): string {
  const known = refusedTypes.get(number);
  if (known === undefined) return `the GGML type ${number}, which is newer than this program`;
  const [name, why] = known;
  return `the GGML type ${name} (${number}), which is not read: ${why}`;
}
