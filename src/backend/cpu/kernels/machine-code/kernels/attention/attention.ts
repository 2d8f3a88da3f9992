/**
 * @module Attention over the paged cache.
 *
 * A unit of work is one item (up to 4 query rows) and one KV head: its query vectors share keys and values. The rows are of one
 * slice, or of several slices as far as they begin with the same blocks. Positions are divided into partitions of 512 tokens,
 * counted from position 0:
 *
 *   position 0        512       1024   p          per partition, for each query vector:
 *   ├─ partition 0 ─┤─ 1 ─────┤─ 2 ──┤              1 scores of all its tokens            chunk.ts
 *                                                   2 m = max, e^(score − m), l = Σ       softmax.ts
 *                                                   3 Σ e^(score − m) · value             chunk.ts
 *   partitions are merged in order                                                        record.ts
 *
 * Every number of a query vector is computed by one fixed sequence of operations, which depends only on the vector's position and
 * is the same as in the WebAssembly kernel: results are equal to the bit on every target.
 *
 * Limit with 12 query vectors: the 2·12·headDim multiply-adds of 16 tokens, one a cycle with 512 bits, two with 256; with one
 * query row: reading the cache.
 */
import type { KvDtype } from "../../../../../../core/kv-layout.ts";
import { tokensPerPartition } from "../../../../footprint/workspace-layout.ts";
import type { Assembler } from "../../assembler/assembler.ts";
import type { Label } from "../../assembler/code.ts";
import { at, low32, r8, r9, r10, r11, r12, rax, rbx, rcx, rdx, rsi } from "../../assembler/operands.ts";
import type { Target } from "../../processor/targets.ts";
import { emitKernel } from "../frame.ts";
import { scoreRowBytes } from "./chunk.ts";
import { type AttentionJob, type AttentionName, emitVectorPlace, itemAt } from "./job-places.ts";
import { paramsBytes, sixteenBytes } from "./kv-numbers.ts";
import { emitPartition } from "./partition.ts";
import { emitQueries } from "./queries.ts";
import { emitMergeRecord, emitOutput, recordSumsAt } from "./record.ts";
import { emitRotateHead } from "./rotation.ts";
import { load, slot, slotScratchBytes, store } from "./slots.ts";

const kernelNames = { f16: "attentionF16", int8: "attentionInt8", int4: "attentionInt4" } as const;
const itemBytesLog2 = 5;

/** headDim must be a multiple: 16 numbers are read at a time, of int4 values 16 from each half of a head. */
export const headDimUnits = { f16: 16, int8: 16, int4: 32 } as const;

/** The attention kernel of a cache type. */
export function emitAttention(asm: Assembler, target: Target, dtype: KvDtype): void {
  emitKernel<AttentionName>(asm, kernelNames[dtype], slotScratchBytes, (job) => {
    const [nextUnit, done] = [asm.label(), asm.label()];
    emitShapes(asm, job, dtype);
    job.start(rax);
    store(asm, "unit", rax);
    asm.bind(nextUnit);
    load(asm, rax, "unit");
    asm.cmp(low32(rax), job.end);
    asm.jump("jae", done);
    emitUnit(asm, target, job, dtype);
    load(asm, rax, "unit");
    asm.add(rax, 1);
    store(asm, "unit", rax);
    asm.jmp(nextUnit);
    asm.bind(done);
  });
}

function emitShapes(asm: Assembler, job: AttentionJob, dtype: KvDtype): void {
  job.load(rax, "headDim");
  store(asm, "headDim", rax);
  asm.lea(rcx, at(rax, 0, rax, 1));
  asm.add(rcx, rcx);
  store(asm, "rowBytes", rcx);
  asm.add(rcx, recordSumsAt);
  store(asm, "recordBytes", rcx);
  emitHeadBytes(asm, dtype);
  job.load(rcx, "numKvHeads");
  asm.imul(rax, rcx);
  store(asm, "tileStride", rax);
}

/** rax = bytes of one KV head of a tile. */
function emitHeadBytes(asm: Assembler, dtype: KvDtype): void {
  load(asm, rax, "headDim");
  asm.imulBy(rax, rax, 2 * sixteenBytes[dtype]);
  asm.add(rax, 2 * paramsBytes[dtype]);
}

function emitUnit(asm: Assembler, target: Target, job: AttentionJob, dtype: KvDtype): void {
  const [next, finished] = [asm.label(), asm.label()];
  emitUnitPlaces(asm, job, dtype);
  emitAllRows(asm, job);
  asm.bind(next);
  emitQueries(asm, target, job, dtype);
  emitPartitions(asm, target, job, dtype);
  emitNextRow(asm, job, finished);
  asm.jmp(next);
  asm.bind(finished);
  const keptApart = asm.label();
  load(asm, rsi, "item");
  asm.cmpMemory(at(rsi, itemAt.firstPartial), 0);
  asm.jump("jge", keptApart);
  emitAllRows(asm, job);
  emitOutputs(asm, job, dtype);
  asm.bind(keptApart);
}

/** Reads the unit: its item, its KV head and the place of its cache. */
function emitUnitPlaces(asm: Assembler, job: AttentionJob, dtype: KvDtype): void {
  load(asm, rax, "unit");
  asm.xor(rdx, rdx);
  asm.div(job.field("numKvHeads")); // rax = item, rdx = KV head
  store(asm, "head", rdx);
  asm.shl(rax, itemBytesLog2);
  job.pointer(rsi, "items");
  asm.add(rsi, rax);
  store(asm, "item", rsi);

  emitHeadBytes(asm, dtype);
  asm.imul(rax, rdx);
  job.pointer(rcx, "kv");
  asm.add(rax, rcx);
  store(asm, "kvHead", rax);
}

/** Selects all rows of the item, with the partitions that they share, or with all partitions. */
function emitAllRows(asm: Assembler, job: AttentionJob): void {
  load(asm, rsi, "item");
  asm.mov(rax, -1);
  store(asm, "row", rax);
  asm.xor(rax, rax);
  store(asm, "partition", rax);
  asm.mov(low32(rax), at(rsi, itemAt.firstRow));
  store(asm, "firstRow", rax);
  asm.mov(low32(rax), at(rsi, itemAt.numRows));
  store(asm, "numRows", rax);
  asm.imul(low32(rax), job.field("queryHeadsPerKvHead"));
  store(asm, "numVectors", rax);
  asm.mov(low32(rax), at(rsi, itemAt.numShared));
  asm.mov(low32(rcx), at(rsi, itemAt.numPartitions));
  asm.test(rax, rax);
  asm.cmov("je", rax, rcx);
  store(asm, "endPartition", rax);
  asm.mov(low32(rax), at(rsi, itemAt.slice));
  asm.imul(low32(rax), job.field("maxBlocksPerSequence"));
  job.pointer(rcx, "blockTables");
  asm.lea(rax, at(rcx, 0, rax, 4));
  store(asm, "blockTable", rax);
  emitScratch(asm, job);
}

/** Selects the next row of several slices, with its own partitions; jumps to `finished` if there is none. */
function emitNextRow(asm: Assembler, job: AttentionJob, finished: Label): void {
  const isFirst = asm.label();
  load(asm, rsi, "item");
  asm.mov(low32(rdx), at(rsi, itemAt.numShared));
  asm.test(rdx, rdx);
  asm.jump("je", finished);
  store(asm, "partition", rdx);
  load(asm, rbx, "row");
  asm.add(rbx, 1);
  asm.mov(low32(rcx), at(rsi, itemAt.numRows));
  asm.cmp(rbx, rcx);
  asm.jump("jae", finished);
  store(asm, "row", rbx);
  job.load(rcx, "queryHeadsPerKvHead");
  store(asm, "numVectors", rcx);
  asm.mov(rax, 1);
  store(asm, "numRows", rax);
  asm.test(rbx, rbx);
  asm.jump("je", isFirst);
  asm.imul(rcx, slot("recordBytes"));
  asm.add(rcx, slot("states"));
  store(asm, "states", rcx);
  job.load(rcx, "maxBlocksPerSequence");
  asm.shl(rcx, 2);
  asm.add(rcx, slot("blockTable"));
  store(asm, "blockTable", rcx);
  asm.bind(isFirst);
  asm.mov(low32(rax), at(rsi, itemAt.firstRow));
  asm.add(rax, rbx);
  store(asm, "firstRow", rax);
  job.pointer(rcx, "positions");
  asm.mov(low32(rax), at(rcx, 0, rax, 4));
  asm.shr(rax, Math.log2(tokensPerPartition));
  asm.add(rax, 1);
  store(asm, "endPartition", rax);
}

/** Scratch: queries (with unused space for 16 vectors more) | scores | results | states. */
function emitScratch(asm: Assembler, job: AttentionJob): void {
  load(asm, rcx, "numVectors");
  job.pointer(rax, "scratch");
  store(asm, "queries", rax);
  asm.lea(rdx, at(rcx, 16));
  asm.imul(rdx, slot("rowBytes"));
  asm.add(rax, rdx);
  store(asm, "scores", rax);
  asm.imulBy(rdx, rcx, scoreRowBytes);
  asm.add(rax, rdx);
  store(asm, "scratchResults", rax);
  asm.imul(rcx, slot("recordBytes"));
  asm.add(rax, rcx);
  store(asm, "states", rax);
}

/** Computes the selected rows from `partition` to `endPartition`. */
function emitPartitions(asm: Assembler, target: Target, job: AttentionJob, dtype: KvDtype): void {
  const [nextPartition, noMerge, done] = [asm.label(), asm.label(), asm.label()];
  asm.bind(nextPartition);
  load(asm, rbx, "partition");
  asm.cmp(rbx, slot("endPartition"));
  asm.jump("jae", done);
  emitResultsPlace(asm, job);
  emitPartition(asm, target, job, dtype);
  load(asm, rsi, "item");
  load(asm, rbx, "partition");
  asm.cmpMemory(at(rsi, itemAt.firstPartial), 0);
  asm.jump("jge", noMerge);
  asm.test(rbx, rbx);
  asm.jump("je", noMerge);
  forEachRecord(asm, "states", "results", () => emitMergeRecord(asm, r8, r9));
  asm.bind(noMerge);
  load(asm, rbx, "partition");
  asm.add(rbx, 1);
  store(asm, "partition", rbx);
  asm.jmp(nextPartition);
  asm.bind(done);
}

/**
 * Chooses the place of the partition's records. Partials have a place of their own; else the records of the first partition become
 * the states, and those of later ones go to scratch and are merged into the states.
 */
function emitResultsPlace(asm: Assembler, job: AttentionJob): void {
  const [together, chosen] = [asm.label(), asm.label()];
  load(asm, rsi, "item");
  load(asm, rbx, "partition");
  asm.movsxd(rcx, at(rsi, itemAt.firstPartial));
  asm.cmp(rcx, 0);
  asm.jump("jl", together);
  job.load(rax, "numKvHeads");
  asm.imul(rax, rbx);
  asm.add(rax, slot("head"));
  asm.imul(rax, slot("numVectors"));
  asm.add(rax, rcx);
  asm.imul(rax, slot("recordBytes"));
  job.pointer(rcx, "partials");
  asm.add(rax, rcx);
  asm.jmp(chosen);
  asm.bind(together);
  load(asm, rax, "states");
  load(asm, rcx, "scratchResults");
  asm.test(rbx, rbx);
  asm.cmov("jne", rax, rcx);
  asm.bind(chosen);
  store(asm, "results", rax);
}

/** r8 and r9 go through the records of all query vectors. Uses rbx and the registers of `body`. */
function forEachRecord(
  asm: Assembler,
  first: "states" | "results",
  second: "states" | "results",
  body: () => void,
): void {
  const again = asm.label();
  load(asm, r8, first);
  load(asm, r9, second);
  asm.xor(rbx, rbx);
  asm.bind(again);
  body();
  asm.add(r8, slot("recordBytes"));
  asm.add(r9, slot("recordBytes"));
  asm.add(rbx, 1);
  asm.cmp(rbx, slot("numVectors"));
  asm.jump("jb", again);
}

/** Writes out[row, query head] for every vector of the unit. */
function emitOutputs(asm: Assembler, job: AttentionJob, dtype: KvDtype): void {
  forEachRecord(asm, "states", "states", () => {
    if (dtype === "int4") {
      asm.lea(r12, at(r8, recordSumsAt));
      emitRotateHead(asm, r12);
    }
    emitVectorPlace(asm, job);
    load(asm, r10, "firstRow");
    asm.add(r10, rax);
    job.load(rcx, "outStride");
    asm.imul(r10, rcx);
    asm.add(r10, r11);
    job.pointer(rcx, "out");
    asm.add(r10, rcx);
    emitOutput(asm, r10, r8);
  });
}
