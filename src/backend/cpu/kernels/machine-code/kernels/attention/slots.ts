/**
 * @module Named 64-bit places on the stack for the values that the code of a unit needs throughout: there are more of them than
 * registers.
 */
import { tokensPerTile } from "../../../../../../core/kv-layout.ts";
import { tokensPerPartition } from "../../../../footprint/workspace-layout.ts";
import type { Assembler } from "../../assembler/assembler.ts";
import { at, type GeneralRegister, type Memory, rsp } from "../../assembler/operands.ts";

const slotNames = [
  "unit", // index of the unit
  "item", // its work item
  "head", // its KV head
  "headDim", // numbers in a head
  "rowBytes", // 4·headDim: a query vector, or the sums of a record
  "recordBytes", // a partial record: 16 + 4·headDim
  "tileStride", // from a tile to the next, bytes
  "kvHead", // the KV head in tile 0
  "row", // row of the item whose own partitions are computed; −1 while all rows are selected
  "firstRow", // number of selected rows: all of the item, or one
  "numRows",
  "blockTable", // of their slice
  "numVectors", // their query vectors: rows × heads per KV head
  "queries", // [chunk][headDim][vectors of the chunk], times the scale
  "scores", // [vector][512]
  "scratchResults", // [vector] records, for a partition that is to be merged into the states
  "results", // place of the partition's records: scratch, states or partials
  "states", // [vector] records of the partitions so far, of the selected rows
  "partition", // index of the partition, counted from the item's first
  "endPartition", // end of that index for the selected rows
  "firstPosition", // of the partition, as far back as any row sees; a multiple of 16
  "endPosition",
  "numTiles",
  "chunkStart", // first vector of a chunk
] as const;
export type SlotName = (typeof slotNames)[number];

const maxTiles = tokensPerPartition / tokensPerTile;
/** Prefetch distance in tiles; this many entries follow the list, all equal to its last one. */
export const tilesAhead = 2;
const tileListBytes = Math.ceil(((maxTiles + tilesAhead) * 8) / 64) * 64;
const slotsBytes = Math.ceil((slotNames.length * 8) / 64) * 64;
/** Scale and minimum of the 16 tokens of a quantized tile, as f32. */
const tileParamsBytes = 2 * tokensPerTile * 4;

export const slotScratchBytes = slotsBytes + tileListBytes + tileParamsBytes;
/** Addresses of the partition's tiles (of the unit's KV head), 8 bytes each. */
export const tileList = at(rsp, slotsBytes);
export const tileParams = at(rsp, slotsBytes + tileListBytes);

export const slot = (name: SlotName): Memory => at(rsp, 8 * slotNames.indexOf(name));

export function load(asm: Assembler, to: GeneralRegister, name: SlotName): void {
  asm.mov(to, slot(name));
}
export function store(asm: Assembler, name: SlotName, from: GeneralRegister): void {
  asm.store(slot(name), from);
}
