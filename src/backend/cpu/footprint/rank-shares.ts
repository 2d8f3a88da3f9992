/** @module The part of each rank: contiguous ranges of heads and of rows, as equal as whole heads and row packs allow. */
import { PagodaError } from "../../../core/errors.ts";

/** One rank of an instance. */
interface RankPlace {
  /** From 0. */
  readonly rank: number;
  readonly numRanks: number;
}

/** [first, end) */
export interface Range {
  readonly first: number;
  readonly end: number;
}

export interface HeadShare {
  readonly query: Range;
  /** Those that the query heads read; where there are fewer KV heads than ranks, neighboring ranks hold the same one. */
  readonly kv: Range;
}

/** Row packs of a matrix, and groups of a quantized row, are never divided (`weight-layout.ts`). */
const rowsTogether = 8;
const groupedRows = 32;

export function widthOf({ first, end }: Range): number {
  return end - first;
}

/**
 * Rows of a matrix, or columns of a buffer, of one rank: whole groups of 32 where there are enough for all ranks, else whole
 * row packs of 8. The last rank has what is left over.
 * @throws PagodaError `invalid_option` where a rank would have none.
 */
export function rowShare(numRows: number, { rank, numRanks }: RankPlace): Range {
  const grain = numRows >= groupedRows * numRanks ? groupedRows : rowsTogether;
  const numUnits = Math.ceil(numRows / grain);
  if (numUnits < numRanks) throw tooManyRanks(numRanks, `${numRows} rows of a matrix`, numUnits);
  const unitsBefore = (place: number): number => Math.floor((numUnits * place) / numRanks);
  return { first: unitsBefore(rank) * grain, end: Math.min(numRows, unitsBefore(rank + 1) * grain) };
}

/**
 * Heads of one rank: KV heads with all the query heads that read them; where there are fewer KV heads than ranks, ranks that
 * share one divide its query heads.
 * @throws PagodaError `invalid_option` where a rank would have no query head.
 */
export function headShare(numHeads: number, numKvHeads: number, { rank, numRanks }: RankPlace): HeadShare {
  const groupHeads = numHeads / numKvHeads;
  if (numKvHeads >= numRanks) {
    const kvBefore = (place: number): number => Math.floor((numKvHeads * place) / numRanks);
    const kv = { first: kvBefore(rank), end: kvBefore(rank + 1) };
    return { query: { first: kv.first * groupHeads, end: kv.end * groupHeads }, kv };
  }
  const kvHead = Math.floor((rank * numKvHeads) / numRanks);
  const firstRank = Math.ceil((kvHead * numRanks) / numKvHeads);
  const numSharing = Math.ceil(((kvHead + 1) * numRanks) / numKvHeads) - firstRank;
  if (numSharing > groupHeads)
    throw tooManyRanks(numRanks, `${numHeads} query heads`, mostRanks(numHeads, numKvHeads));
  const headsBefore = (place: number): number =>
    kvHead * groupHeads + Math.floor((groupHeads * place) / numSharing);
  return {
    query: { first: headsBefore(rank - firstRank), end: headsBefore(rank - firstRank + 1) },
    kv: { first: kvHead, end: kvHead + 1 },
  };
}

/** The most ranks for which every one has a query head. */
function mostRanks(numHeads: number, numKvHeads: number): number {
  return numKvHeads * Math.floor(numHeads / numKvHeads);
}

function tooManyRanks(numRanks: number, what: string, most: number): PagodaError {
  return new PagodaError(
    "invalid_option",
    `${numRanks} ranks cannot divide the model: its ${what} are enough for ${most}.`,
    { hint: `Use --tensor-parallel-size ${most}.` },
  );
}
