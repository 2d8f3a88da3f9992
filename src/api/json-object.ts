/** @module A field that is any JSON object, and is handed on as it was sent. */
import { z } from "zod";

/**
 * Checked by hand: a schema of zod copies what it reads, and the copy has lost how its numbers were written, which chat
 * templates see (`numberTexts`).
 */
export const jsonObject = z
  .custom<Record<string, unknown>>(isJsonObject, { error: "must be an object" })
  .meta({ type: "object" });

function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
