/**
 * @module Computes one partition for all query vectors of a unit: scores, softmax and values, into the records at `results`.
 */
import { type KvDtype, tokensPerTile } from "../../../../../../core/kv-layout.ts";
import { tokensPerPartition } from "../../../../footprint/workspace-layout.ts";
import type { Assembler } from "../../assembler/assembler.ts";
import {
  at,
  type GeneralRegister,
  low32,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  rax,
  rbx,
  rcx,
  rdx,
  rsi,
  ymm,
} from "../../assembler/operands.ts";
import type { Target } from "../../processor/targets.ts";
import { emitChunkScores, emitChunkValues, maxChunk, scoreRowBytes } from "./chunk.ts";
import { type AttentionJob, emitVectorPlace, itemAt } from "./job-places.ts";
import { emitEmptyRecord } from "./record.ts";
import { load, type SlotName, slot, store, tileList, tilesAhead } from "./slots.ts";
import { emitSoftmaxRow } from "./softmax.ts";
import { emitSoftmaxWholeRow } from "./softmax-whole-row.ts";

export function emitPartition(asm: Assembler, target: Target, job: AttentionJob, dtype: KvDtype): void {
  const [nobodySees, done] = [asm.label(), asm.label()];
  emitPositions(asm, job);
  asm.test(rax, rax);
  asm.jump("jle", nobodySees);
  emitTileList(asm, job);
  forEachChunk(asm, target, ["queries", "rowBytes"], ["scores", scoreRowBytes], (numVectors) =>
    emitChunkScores(asm, target, dtype, numVectors),
  );
  emitSoftmaxRows(asm, target, job);
  forEachChunk(asm, target, ["scores", scoreRowBytes], ["results", "recordBytes"], (numVectors) =>
    emitChunkValues(asm, target, dtype, numVectors),
  );
  asm.jmp(done);
  asm.bind(nobodySees);
  emitEmptyRecords(asm);
  asm.bind(done);
}

/**
 * [firstPosition, endPosition): the positions of the partition that a selected row sees, from the beginning of a tile. Rows of one
 * slice are consecutive, so the first one sees the earliest position and the last one the latest; rows of several slices see all
 * of a partition that they share.
 * rax = its number of tiles; ≤ 0 if it is empty.
 */
function emitPositions(asm: Assembler, job: AttentionJob): void {
  const [start, positions, firstRow, numRows] = [rbx, r9, r10, r11];
  const none = asm.label();
  load(asm, rsi, "item");
  asm.mov(low32(start), at(rsi, itemAt.firstPartition));
  asm.add(start, slot("partition"));
  asm.shl(start, Math.log2(tokensPerPartition));
  job.pointer(positions, "positions");
  load(asm, firstRow, "firstRow");
  load(asm, numRows, "numRows");
  asm.lea(positions, at(positions, 0, firstRow, 4));

  asm.mov(low32(rax), at(positions));
  emitFirstSeen(asm, job, rcx, rax);
  asm.and(rcx, -tokensPerTile);
  asm.cmp(rcx, start);
  asm.cmov("jb", rcx, start);
  store(asm, "firstPosition", rcx);

  asm.mov(low32(rax), at(positions, -4, numRows, 4));
  asm.add(rax, 1);
  asm.add(start, tokensPerPartition);
  asm.cmp(rax, start);
  asm.cmov("ja", rax, start);
  store(asm, "endPosition", rax);

  asm.sub(rax, rcx);
  asm.jump("jle", none);
  asm.add(rax, tokensPerTile - 1);
  asm.shr(rax, Math.log2(tokensPerTile));
  asm.bind(none);
  store(asm, "numTiles", rax);
}

/** to = first position that a row at `position` sees: position − window + 1, at least 0; 0 without a window. */
function emitFirstSeen(
  asm: Assembler,
  job: AttentionJob,
  to: GeneralRegister,
  position: GeneralRegister,
): void {
  const [fromStart, done] = [asm.label(), asm.label()];
  asm.cmpMemory(job.field("window"), 0);
  asm.jump("je", fromStart);
  asm.lea(to, at(position, 1));
  asm.mov(low32(rdx), job.field("window"));
  asm.sub(to, rdx);
  asm.jump("jge", done);
  asm.bind(fromStart);
  asm.xor(to, to);
  asm.bind(done);
}

/** Addresses of the partition's tiles: block table, block, tile in the block. */
function emitTileList(asm: Assembler, job: AttentionJob): void {
  const [position, end, table, list] = [r8, r9, r10, r11];
  const again = asm.label();
  load(asm, position, "firstPosition");
  load(asm, end, "endPosition");
  load(asm, table, "blockTable");
  asm.lea(list, tileList);
  asm.bind(again);
  asm.mov(rax, position);
  asm.xor(rdx, rdx);
  asm.div(job.field("blockSize")); // rax = block of the sequence, rdx = offset in the block
  asm.mov(low32(rax), at(table, 0, rax, 4));
  job.load(rcx, "blockSize");
  asm.imul(rax, rcx);
  asm.add(rax, rdx);
  asm.shr(rax, Math.log2(tokensPerTile));
  asm.imul(rax, slot("tileStride"));
  asm.add(rax, slot("kvHead"));
  asm.store(at(list), rax);
  asm.add(list, 8);
  asm.add(position, tokensPerTile);
  asm.cmp(position, end);
  asm.jump("jb", again);
  for (let i = 0; i < tilesAhead; i++) asm.store(at(list, 8 * i), rax);
}

type Walk = readonly [base: SlotName, stride: SlotName | number];

/** Goes through all query vectors in chunks; rdx and rbx point to the chunk's parts of two arrays. */
function forEachChunk(
  asm: Assembler,
  target: Target,
  first: Walk,
  second: Walk,
  emitBody: (numVectors: number) => void,
): void {
  const widest = maxChunk(target);
  const [nextChunk, ended, done] = [asm.label(), asm.label(), asm.label()];
  asm.xor(rax, rax);
  store(asm, "chunkStart", rax);
  asm.bind(nextChunk);
  emitWalk(asm, rdx, first);
  emitWalk(asm, rbx, second);
  load(asm, rax, "numVectors");
  asm.sub(rax, slot("chunkStart"));
  asm.jump("jle", done);
  const widths = Array.from({ length: widest }, (_, i) => ({ numVectors: widest - i, code: asm.label() }));
  for (const { numVectors, code } of widths) {
    asm.cmp(rax, numVectors);
    asm.jump("jae", code);
  }
  for (const { numVectors, code } of widths) {
    asm.bind(code);
    emitBody(numVectors);
    asm.jmp(ended);
  }
  asm.bind(ended);
  load(asm, rax, "chunkStart");
  asm.add(rax, widest);
  store(asm, "chunkStart", rax);
  asm.jmp(nextChunk);
  asm.bind(done);
}

function emitWalk(asm: Assembler, to: GeneralRegister, [base, stride]: Walk): void {
  load(asm, to, "chunkStart");
  if (typeof stride === "number") asm.imulBy(to, to, stride);
  else asm.imul(to, slot(stride));
  asm.add(to, slot(base));
}

/** Turns every query vector's scores into weights, m and l; rows that see no position here get zeros. */
function emitSoftmaxRows(asm: Assembler, target: Target, job: AttentionJob): void {
  const [scores, columnBytes, from, to, record] = [r8, r9, r10, r11, r12];
  const [nextRow, seesNothing, seesPart, ended] = [asm.label(), asm.label(), asm.label(), asm.label()];
  const vector = rbx;
  asm.xor(vector, vector);
  asm.bind(nextRow);
  emitSeenColumns(asm, job, from, to);
  asm.imulBy(scores, vector, scoreRowBytes);
  asm.add(scores, slot("scores"));
  asm.mov(record, vector);
  asm.imul(record, slot("recordBytes"));
  asm.add(record, slot("results"));
  load(asm, columnBytes, "numTiles");
  asm.shl(columnBytes, Math.log2(tokensPerTile * 4));
  asm.cmp(to, from);
  asm.jump("jle", seesNothing);
  const row = { scores, columnBytes, from, to, record };
  asm.mov(rax, to);
  asm.sub(rax, from);
  asm.shl(rax, 2);
  asm.cmp(rax, columnBytes);
  asm.jump("jne", seesPart);
  asm.cmpMemory(job.field("softcap"), 0);
  asm.jump("jne", seesPart);
  emitSoftmaxWholeRow(asm, target, row);
  asm.jmp(ended);
  asm.bind(seesPart);
  emitSoftmaxRow(asm, row, job.field("softcap"));
  asm.jmp(ended);
  asm.bind(seesNothing);
  emitEmptyRecord(asm, record);
  emitZeroWeights(asm, scores, columnBytes);
  asm.bind(ended);
  asm.add(vector, 1);
  asm.cmp(vector, slot("numVectors"));
  asm.jump("jb", nextRow);
}

/** Columns [from, to), counted from firstPosition, that vector rbx sees. Uses rax, rcx, rdx, rsi, r13. */
function emitSeenColumns(
  asm: Assembler,
  job: AttentionJob,
  from: GeneralRegister,
  to: GeneralRegister,
): void {
  const position = r13;
  emitVectorPlace(asm, job); // rax = row; its r11 is not needed
  asm.add(rax, slot("firstRow"));
  job.pointer(rcx, "positions");
  asm.mov(low32(position), at(rcx, 0, rax, 4));
  emitFirstSeen(asm, job, from, position);
  asm.lea(to, at(position, 1));
  asm.cmp(to, slot("endPosition"));
  asm.cmov("ja", to, slot("endPosition"));
  asm.xor(rcx, rcx);
  for (const edge of [from, to]) {
    asm.sub(edge, slot("firstPosition"));
    asm.cmov("jl", edge, rcx);
  }
}

function emitZeroWeights(asm: Assembler, scores: GeneralRegister, columnBytes: GeneralRegister): void {
  const again = asm.label();
  asm.vxorps(ymm(0), ymm(0), ymm(0));
  asm.add(columnBytes, scores);
  asm.bind(again);
  asm.vmovupsStore(at(scores), ymm(0));
  asm.add(scores, 32);
  asm.cmp(scores, columnBytes);
  asm.jump("jb", again);
}

function emitEmptyRecords(asm: Assembler): void {
  const again = asm.label();
  load(asm, r8, "results");
  asm.xor(rbx, rbx);
  asm.bind(again);
  emitEmptyRecord(asm, r8);
  asm.add(r8, slot("recordBytes"));
  asm.add(rbx, 1);
  asm.cmp(rbx, slot("numVectors"));
  asm.jump("jb", again);
}
