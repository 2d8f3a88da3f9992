/** @module The known word that is closest to what was typed. */
import { editDistance } from "../../core/options/nearest-names.ts";

/** The candidate with the fewest edits from `typed`, letter case aside; the first one wins a tie. */
export function nearest(typed: string, candidates: readonly string[]): string {
  let best = candidates[0] ?? "";
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const edits = editDistance(typed.toLowerCase(), candidate.toLowerCase());
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
}
