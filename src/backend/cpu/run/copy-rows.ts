/** @module Copies rows between the memories of ranks, and inputs between arenas. Allocates nothing. */
import type { Exchange, ExchangeSource, RankInputs } from "../compile/phase.ts";
import { attentionItem } from "../kernels/jobs.ts";

/** Rows [first, end) of an exchange: the other ranks' columns of them, or those of them that other ranks have. */
export function copyExchange({ sources, owners }: Exchange, first: number, end: number): void {
  for (let i = 0; i < sources.length; i++) {
    const source = sources[i] as ExchangeSource;
    if (owners === null) for (let row = first; row < end; row++) copyRow(source, row);
    else {
      const part = owners.parts[i];
      if (part === undefined) continue;
      for (let row = first; row < end; row++) {
        const tokenId = owners.tokenIds[row] as number;
        if (tokenId >= part.first && tokenId < part.end) copyRow(source, row);
      }
    }
  }
}

function copyRow(
  { from, to, fromWord, fromStride, toWord, toStride, numWords, isInPairs }: ExchangeSource,
  row: number,
): void {
  const [fromStart, toStart] = [fromWord + row * fromStride, toWord + row * toStride];
  if (isInPairs) copyPairs(from.f64, fromStart / 2, to.f64, toStart / 2, numWords / 2);
  else copyWords(from.i32, fromStart, to.i32, toStart, numWords);
}

/** Two finite f32 are never the bits of a f64 that is not a number, so none of them changes. */
function copyPairs(
  from: Float64Array,
  fromStart: number,
  to: Float64Array,
  toStart: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) to[toStart + i] = from[fromStart + i] as number;
}

export function copyWords(
  from: Int32Array,
  fromStart: number,
  to: Int32Array,
  toStart: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) to[toStart + i] = from[fromStart + i] as number;
}

/** Tokens that the rank does not have read its first row, which the exchange after it overwrites. */
export function copyOwnTokens(
  { fromWord, toWord, part }: RankInputs["tokens"],
  from: Int32Array,
  to: Int32Array,
  numTokens: number,
): void {
  for (let row = 0; row < numTokens; row++) {
    const tokenId = from[fromWord + row] as number;
    to[toWord + row] = tokenId >= part.first && tokenId < part.end ? tokenId - part.first : 0;
  }
}

/** Places the partial records of a table of attention items, from its word `firstWord` on, by the rank's own query heads. */
export function placePartials(
  { numHeads, numHeadsOfFirstRank }: RankInputs["partials"],
  items: Int32Array,
  firstWord: number,
  numItems: number,
): void {
  if (numHeads === numHeadsOfFirstRank) return;
  for (let i = 0; i < numItems; i++) {
    const word = firstWord + i * attentionItem.words;
    const firstPartial = items[word] as number;
    if (firstPartial > 0) items[word] = (firstPartial / numHeadsOfFirstRank) * numHeads;
  }
}
