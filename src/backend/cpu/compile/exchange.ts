/** @module What a rank copies from the others: columns of rows that each computed a part of, and the inputs of a step. */
import { invariant } from "../../../core/errors.ts";
import { blocksPerSequence } from "../../step-layout.ts";
import type { ExchangeOperation, RankOperation } from "../footprint/rank-program.ts";
import { type Range, widthOf } from "../footprint/rank-shares.ts";
import { attentionItemWords } from "../footprint/workspace-layout.ts";
import { attentionItem } from "../kernels/jobs.ts";
import type { RankMemory, ThreadContext } from "../memory/thread-context.ts";
import { arenaOf } from "./arena-segments.ts";
import { changesBeforeExchange } from "./operation-access.ts";
import type { ArenaCopy, CopyRange, Exchange, ExchangeSource } from "./phase.ts";

/** @param index of the operation among those of body and head */
export function exchangeOf(
  context: ThreadContext,
  operations: readonly RankOperation[],
  index: number,
  operation: ExchangeOperation,
): Exchange {
  const { buffer, by, parts, isForFirstRank } = operation;
  const { ranks, place } = placeOf(context);
  const own = ranks[place.rank] as RankMemory;
  const ownArena = arenaOf(own.program, own.layout, index);
  const isReader = !isForFirstRank || place.rank === 0;
  const sources = parts.flatMap((part, rank) =>
    rank === place.rank || !isReader
      ? []
      : [sourceOf(own, ownArena, ranks[rank] as RankMemory, index, buffer, by === "tokens" ? null : part)],
  );
  const first = ranks[0] as RankMemory;
  const tokenIds = by === "tokens" ? inputView(first, "tokenIds", context.limits.maxNumBatchedTokens) : null;
  return {
    rows: own.program.buffers[buffer]?.rows ?? "tokens",
    sources,
    owners: tokenIds === null ? null : { tokenIds, parts: parts.filter((_, rank) => rank !== place.rank) },
    isForFirstRank,
    holdsRanks: isForFirstRank || changesBeforeExchange(operations, index, buffer),
  };
}

/** @param part its columns; null: whole rows */
function sourceOf(
  own: RankMemory,
  ownArena: number,
  other: RankMemory,
  index: number,
  buffer: number,
  part: Range | null,
): ExchangeSource {
  const from = rowsOf(other, arenaOf(other.program, other.layout, index), buffer);
  const to = rowsOf(own, ownArena, buffer);
  const firstColumn = part?.first ?? 0;
  const numWords = part === null ? to.strideWords : widthOf(part);
  // A buffer that holds a rank's own columns only is as wide as these.
  const fromColumn = from.strideWords === to.strideWords ? firstColumn : 0;
  const words = {
    fromWord: from.word + fromColumn,
    fromStride: from.strideWords,
    toWord: to.word + firstColumn,
    toStride: to.strideWords,
    numWords,
  };
  const isInPairs = Object.values(words).every((value) => value % 2 === 0);
  return { ...words, isInPairs, from: from.views, to: to.views };
}

function rowsOf({ program, layout, arenas }: RankMemory, arenaId: number, buffer: number) {
  const [views, offset] = [arenas[arenaId], layout.arenas[arenaId]?.buffers.get(buffer)];
  invariant(views !== undefined && offset !== undefined, () => `buffer ${buffer} lies in arena ${arenaId}`);
  return { views, word: offset / 4, strideWords: program.buffers[buffer]?.width ?? 0 };
}

/** Before the body: what the coordinator wrote for rank 0, and the step's tokens in the rank's own part of the embedding. */
export function rankInputs(context: ThreadContext, embedding: Range): ArenaCopy {
  const { ranks, place } = placeOf(context);
  const [first, own] = [ranks[0] as RankMemory, ranks[place.rank] as RankMemory];
  const [fromLayout, toLayout] = [first.layout.arenas[0], own.layout.arenas[0]];
  const [from, to] = [first.arenas[0], own.arenas[0]];
  invariant(
    from !== undefined && to !== undefined && fromLayout !== undefined && toLayout !== undefined,
    () => "a rank has at least one arena",
  );
  const input = (name: string, per: CopyRange["per"], numWords = 1): CopyRange => ({
    fromWord: (fromLayout.inputs.get(name) ?? 0) / 4,
    toWord: (toLayout.inputs.get(name) ?? 0) / 4,
    numWords,
    per,
  });
  const table = (name: "attentionItems" | "mergeItems", per: CopyRange["per"]): CopyRange => ({
    fromWord: fromLayout[name] / 4,
    toWord: toLayout[name] / 4,
    numWords: attentionItemWords,
    per,
  });
  const ranges = [
    input("positions", "token"),
    input("slots", "token"),
    input("outputRows", "output"),
    input("blockTables", "slice", blocksPerSequence(context.limits)),
    table("attentionItems", "attentionItem"),
    table("mergeItems", "mergeItem"),
  ];
  const tokens = {
    fromWord: (fromLayout.inputs.get("tokenIds") ?? 0) / 4,
    toWord: (toLayout.inputs.get("ownTokenIds") ?? 0) / 4,
    part: embedding,
  };
  const partials = {
    itemsWord: toLayout.attentionItems / 4 + attentionItem.firstPartial,
    mergeItemsWord: toLayout.mergeItems / 4 + attentionItem.firstPartial,
    numHeads: numHeadsOf(own),
    numHeadsOfFirstRank: numHeadsOf(first),
  };
  const inputs = { tokens, partials };
  return { from: from.i32, to: to.i32, ranges: place.rank === 0 ? [] : ranges, inputs };
}

/** Query heads of a layer; where layers differ in them, attention is not cut into partials. */
function numHeadsOf({ program }: RankMemory): number {
  const attention = program.body.find((operation) => operation.kind === "attention");
  return attention?.kind === "attention" ? attention.numHeads : 1;
}

function inputView({ layout, arenas }: RankMemory, name: string, numWords: number): Int32Array {
  const [views, offset] = [arenas[0], layout.arenas[0]?.inputs.get(name)];
  invariant(views !== undefined && offset !== undefined, () => `rank 0 has no input ${name}`);
  return views.i32.subarray(offset / 4, offset / 4 + numWords);
}

function placeOf({ ranks, limits: { place } }: ThreadContext) {
  invariant(place !== undefined, () => "an exchange belongs to one rank of several");
  return { ranks, place };
}
