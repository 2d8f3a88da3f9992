/**
 * @module The query vectors of the selected rows, times the scale, in the order in which the scores read them:
 *
 *   chunk 0: [headDim][vectors of the chunk]  |  chunk 1: …        a chunk holds maxChunk vectors, the last one fewer
 */
import type { KvDtype } from "../../../../../../core/kv-layout.ts";
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
  r14,
  rax,
  rbx,
  rcx,
  rdx,
  xmm,
  ymm,
} from "../../assembler/operands.ts";
import type { Target } from "../../processor/targets.ts";
import { floatConstant } from "../exponential.ts";
import { maxChunk } from "./chunk.ts";
import { type AttentionJob, emitVectorPlace } from "./job-places.ts";
import { emitRotateHead } from "./rotation.ts";
import { load, slot } from "./slots.ts";

export function emitQueries(asm: Assembler, target: Target, job: AttentionJob, dtype: KvDtype): void {
  const [vector, source, sourceEnd, to, toStride] = [rbx, r8, r9, r12, r13];
  const [nextVector, nextNumber] = [asm.label(), asm.label()];
  const scale = xmm(1);
  asm.xor(vector, vector);

  asm.bind(nextVector);
  emitVectorPlace(asm, job);
  load(asm, source, "firstRow");
  asm.add(source, rax);
  job.load(rcx, "queryStride");
  asm.imul(source, rcx);
  asm.add(source, r11);
  job.pointer(rcx, "query");
  asm.add(source, rcx);
  asm.mov(sourceEnd, source);
  asm.add(sourceEnd, slot("rowBytes"));
  if (dtype === "int4") emitRotated(asm, job, source, sourceEnd);
  asm.vmovss(scale, dtype === "int4" ? floatConstant(asm, 1) : job.field("scale"));

  emitPlaceInChunk(asm, target);
  asm.bind(nextNumber);
  asm.vmovss(xmm(0), at(source));
  asm.vmulss(xmm(0), xmm(0), scale);
  asm.vmovssStore(at(to), xmm(0));
  asm.add(to, toStride);
  asm.add(source, 4);
  asm.cmp(source, sourceEnd);
  asm.jump("jb", nextNumber);
  asm.add(vector, 1);
  asm.cmp(vector, slot("numVectors"));
  asm.jump("jb", nextVector);
}

/**
 * Rotates the vector times the scale like the keys, in the first scratch record, which is still unused; source and sourceEnd then
 * point there, and the scale becomes 1. Uses rax, rcx, rdx, r10 to r12, vectors 0 to 3.
 */
function emitRotated(
  asm: Assembler,
  job: AttentionJob,
  source: GeneralRegister,
  sourceEnd: GeneralRegister,
): void {
  const again = asm.label();
  const to = r12;
  load(asm, to, "scratchResults");
  asm.vbroadcastss(ymm(1), job.field("scale"));
  asm.bind(again);
  asm.vmulps(ymm(0), ymm(1), at(source));
  asm.vmovupsStore(at(to), ymm(0));
  asm.add(source, 32);
  asm.add(to, 32);
  asm.cmp(source, sourceEnd);
  asm.jump("jb", again);
  load(asm, to, "scratchResults");
  emitRotateHead(asm, to);
  asm.mov(source, to);
  asm.mov(sourceEnd, to);
  asm.add(sourceEnd, slot("rowBytes"));
}

/** r12 = place of vector rbx's first number, r13 = distance to its next one. Uses rax, rdx, r10, r14. */
function emitPlaceInChunk(asm: Assembler, target: Target): void {
  const [to, toStride, firstOfChunk, chunkWidth] = [r12, r13, r10, r14];
  asm.mov(chunkWidth, maxChunk(target));
  asm.mov(rax, rbx);
  asm.xor(rdx, rdx);
  asm.div(low32(chunkWidth)); // rdx = place in the chunk
  asm.mov(firstOfChunk, rbx);
  asm.sub(firstOfChunk, rdx);
  load(asm, toStride, "numVectors");
  asm.sub(toStride, firstOfChunk);
  asm.cmp(toStride, chunkWidth);
  asm.cmov("ja", toStride, chunkWidth);
  asm.shl(toStride, 2);
  asm.mov(to, firstOfChunk);
  asm.imul(to, slot("rowBytes"));
  asm.lea(to, at(to, 0, rdx, 4));
  asm.add(to, slot("queries"));
}
