/** @module Which of the layouts in memory each encoding of a file becomes. */
import type { TensorType } from "../../core/tensor-type.ts";
import type { WeightStorage } from "../../core/weight-storage.ts";
import { type RepackedType, repackedTypeOf } from "./transcoded-types.ts";

/** How each encoding is held in memory; which ones exactly, docs/models.md says. */
const repackedStorage: Readonly<Record<RepackedType, WeightStorage>> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
  Q4_0: "q4",
  Q4_1: "q4",
  Q4_K: "q4",
  Q5_0: "q8",
  Q5_1: "q8",
  Q8_0: "q8",
  Q5_K: "q8",
  Q6_K: "q8",
};

export function storageOf(type: TensorType): WeightStorage {
  return repackedStorage[repackedTypeOf(type)];
}
