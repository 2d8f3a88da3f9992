/** @module Places in an attention job: of its work items, and of a query vector in a row. */
import type { Assembler } from "../../assembler/assembler.ts";
import { low32, r11, rax, rbx, rdx } from "../../assembler/operands.ts";
import type { JobFields } from "../frame.ts";
import { slot } from "./slots.ts";

export type AttentionName = "attentionF16" | "attentionInt8" | "attentionInt4";
export type AttentionJob = JobFields<AttentionName>;

/** Words of a work item, as bytes (`attentionItem` of jobs.ts). */
export const itemAt = {
  slice: 0,
  firstRow: 4,
  numRows: 8,
  firstPartition: 12,
  numPartitions: 16,
  firstPartial: 20,
  numShared: 24,
};

/** rax = row of vector rbx among the selected rows, r11 = bytes of its query head in a row of the buffer. Uses rdx. */
export function emitVectorPlace(asm: Assembler, job: AttentionJob): void {
  asm.mov(rax, rbx);
  asm.xor(rdx, rdx);
  asm.div(job.field("queryHeadsPerKvHead"));
  asm.mov(low32(r11), job.field("queryHeadsPerKvHead"));
  asm.imul(r11, slot("head"));
  asm.add(r11, rdx);
  asm.imul(r11, slot("rowBytes"));
}
