/** @module Whether `--quantization` has anything to do: what a file holds quantized stays as it is stored. */
import type { Program, WeightDeclaration } from "../backend/backend.ts";
import { PagodaError } from "../core/errors.ts";

const isMatrix = ({ role }: WeightDeclaration): boolean => role === "matrix";
const isQuantized = ({ storage }: WeightDeclaration): boolean => storage === "q4" || storage === "q8";

/**
 * What the user should know where `asked` leaves matrices as they are; null where it changes every one.
 * Throws PagodaError `invalid_option` where it would change none.
 */
export function quantizationNote(asked: string, stored: Program, quantized: Program): string | null {
  const matrices = stored.weights.filter(isMatrix);
  const kept = matrices.filter(({ weightId, storage }) => quantized.weights[weightId]?.storage === storage);
  const types = [...new Set(kept.filter(isQuantized).map(({ origin }) => origin.type))].join(", ");
  if (kept.length === 0) return null;
  const reason = types === "" ? "have rows that are no whole groups of 32" : `are stored as ${types}`;
  if (kept.length === matrices.length)
    throw new PagodaError(
      "invalid_option",
      `--quantization ${asked} would change nothing: all ${matrices.length} matrices of the model ${reason}.`,
      {
        param: "quantization",
        hint: "Leave --quantization out, or name a 16-bit checkpoint of the model.",
      },
    );
  return `--quantization ${asked} changes ${matrices.length - kept.length} of ${matrices.length} matrices; the others ${reason}`;
}
