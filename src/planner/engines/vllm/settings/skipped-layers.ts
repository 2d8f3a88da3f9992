/** @module Layers that `--kv-cache-dtype-skip-layers` leaves in the model's own dtype. */
import { PagodaError } from "../../../../core/errors.ts";
import type { FlagReader } from "../../../plan/flags.ts";

/**
 * `--kv-cache-dtype-skip-layers`: layer numbers or `sliding_window`, with commas, blanks or as JSON.
 * @throws PagodaError `plan_invalid` for a word that is neither.
 */
export function skippedLayers(flags: FlagReader): ReadonlySet<string> {
  const text = flags.words("kv-cache-dtype-skip-layers")?.join(",") ?? "";
  const words = text.split(/[\s,[\]"']+/).filter((word) => word !== "");
  for (const word of words)
    if (word !== "sliding_window" && !/^\d+$/.test(word))
      throw new PagodaError("plan_invalid", `--kv-cache-dtype-skip-layers names "${word}".`, {
        param: "kv-cache-dtype-skip-layers",
        hint: "It takes numbers of layers and sliding_window.",
      });
  return new Set(words);
}
