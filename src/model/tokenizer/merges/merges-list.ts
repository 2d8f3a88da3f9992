/** @module Reads a list of merges, written as "left right" or as a pair. */

import { PagodaError } from "../../../core/errors.ts";
import { damagedTokenizer } from "../../files/damage-hints.ts";
import { shownValue } from "../../files/json-file.ts";
import type { MergeTable } from "./merge-rule.ts";

const unknown = -1;

/**
 * Merges in order of rank. Throws PagodaError `model_invalid` for an entry that is not two tokens of the vocabulary
 * whose joined text is a token too.
 */
export function mergeTableOf(
  entries: readonly unknown[],
  idOfPiece: ReadonlyMap<string, number>,
  path: string,
): MergeTable {
  const left = new Int32Array(entries.length);
  const right = new Int32Array(entries.length);
  const merged = new Int32Array(entries.length);
  for (const [rank, entry] of entries.entries()) {
    const [leftText, rightText] = partsOfMerge(entry);
    left[rank] = idOfPiece.get(leftText) ?? unknown;
    right[rank] = idOfPiece.get(rightText) ?? unknown;
    merged[rank] = idOfPiece.get(leftText + rightText) ?? unknown;
    if (left[rank] === unknown || right[rank] === unknown || merged[rank] === unknown)
      throw new PagodaError(
        "model_invalid",
        `${path}: merge ${rank}, ${shownValue(entry)}, is not made of tokens of the vocabulary.`,
        { hint: damagedTokenizer },
      );
  }
  return { left, right, merged };
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
