/** @module Reads a list of merges, written as "left right" or as a pair. */
import { PagodaError } from "../../core/errors.ts";
import type { RankedMerge } from "./merge-rule.ts";

/**
 * Merges in order of rank. Throws PagodaError `model_invalid` for an entry that is not two tokens of the vocabulary
 * whose joined text is a token too.
 */
export function rankedMergesOf(
  entries: readonly unknown[],
  idOfPiece: ReadonlyMap<string, number>,
  path: string,
): readonly RankedMerge[] {
  return entries.map((entry, rank) => {
    const [leftText, rightText] = partsOfMerge(entry);
    const left = idOfPiece.get(leftText);
    const right = idOfPiece.get(rightText);
    const merged = idOfPiece.get(leftText + rightText);
    if (left === undefined || right === undefined || merged === undefined)
      throw new PagodaError(
        "model_invalid",
        `${path}: merge ${rank}, ${JSON.stringify(entry)}, is not made of tokens of the vocabulary`,
      );
    return { left, right, merged };
  });
}

function partsOfMerge(entry: unknown): readonly [string, string] {
  if (typeof entry === "string") {
    // The left part may itself begin with a space in vocabularies that are not byte-level.
    const space = entry.indexOf(" ", 1);
    return space === -1 ? [entry, ""] : [entry.slice(0, space), entry.slice(space + 1)];
  }
  if (Array.isArray(entry) && entry.length === 2) {
    const [left, right]: unknown[] = entry;
    if (typeof left === "string" && typeof right === "string") return [left, right];
  }
  return ["", ""];
}
