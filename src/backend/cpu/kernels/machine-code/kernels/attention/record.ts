/**
 * @module Partial records: the attention of one query vector over some positions.
 *
 *   ├ m, l      largest score, Σ e^(score − m); l = 0: no position
 *   ├ 2 words   padding
 *   └ sums      headDim f32: Σ e^(score − m) · value
 */
import type { Assembler } from "../../assembler/assembler.ts";
import { at, type GeneralRegister, rax, rcx, xmm, ymm } from "../../assembler/operands.ts";
import { emitExp, floatConstant } from "../exponential.ts";
import { load } from "./slots.ts";

export const recordSumsAt = 16;
const sumAt = 4;
const lanesBytes = 32;

/** m = −∞, l = 0, and zeros where its sums go. Uses rax, rcx. */
export function emitEmptyRecord(asm: Assembler, record: GeneralRegister): void {
  asm.vxorps(ymm(0), ymm(0), ymm(0));
  asm.vmovss(xmm(1), floatConstant(asm, -Infinity));
  forEightSums(asm, () => asm.vmovupsStore(at(record, recordSumsAt, rax, 1), ymm(0)));
  asm.vmovssStore(at(record), xmm(1));
  asm.vmovssStore(at(record, sumAt), xmm(0));
}

/** into ← into + from, both scaled to the larger m. Uses rax, rcx and vectors 0 to 7. */
export function emitMergeRecord(asm: Assembler, into: GeneralRegister, from: GeneralRegister): void {
  const [done, notEmpty] = [asm.label(), asm.label()];
  asm.cmpMemory(at(from, sumAt), 0);
  asm.jump("je", done);
  asm.cmpMemory(at(into, sumAt), 0);
  asm.jump("jne", notEmpty);
  emitCopyRecord(asm, into, from);
  asm.jmp(done);

  asm.bind(notEmpty);
  const largest = xmm(7);
  asm.vmovss(largest, at(into));
  asm.vmaxss(largest, largest, at(from));
  const [a, b] = [ymm(5), ymm(6)];
  for (const [factor, record] of [
    [a, into],
    [b, from],
  ] as const) {
    asm.vmovss(xmm(0), at(record));
    asm.vsubss(xmm(0), xmm(0), largest);
    emitExp(asm, { x: xmm(0), n: xmm(1), result: xmm(2) });
    asm.vbroadcastss(factor, xmm(2));
  }
  asm.vmulss(xmm(0), xmm(a.index), at(into, sumAt));
  asm.vmulss(xmm(1), xmm(b.index), at(from, sumAt));
  asm.vaddss(xmm(0), xmm(0), xmm(1));
  asm.vmovssStore(at(into), largest);
  asm.vmovssStore(at(into, sumAt), xmm(0));
  forEightSums(asm, () => {
    asm.vmulps(ymm(0), a, at(into, recordSumsAt, rax, 1));
    asm.vmulps(ymm(1), b, at(from, recordSumsAt, rax, 1));
    asm.vaddps(ymm(0), ymm(0), ymm(1));
    asm.vmovupsStore(at(into, recordSumsAt, rax, 1), ymm(0));
  });
  asm.bind(done);
}

function emitCopyRecord(asm: Assembler, into: GeneralRegister, from: GeneralRegister): void {
  asm.vmovups(xmm(0), at(from));
  asm.vmovupsStore(at(into), xmm(0));
  forEightSums(asm, () => {
    asm.vmovups(ymm(0), at(from, recordSumsAt, rax, 1));
    asm.vmovupsStore(at(into, recordSumsAt, rax, 1), ymm(0));
  });
}

/** out = sums / l. Uses rax, rcx, vectors 0 and 1. */
export function emitOutput(asm: Assembler, out: GeneralRegister, record: GeneralRegister): void {
  asm.vmovss(xmm(0), floatConstant(asm, 1));
  asm.vdivss(xmm(0), xmm(0), at(record, sumAt));
  asm.vbroadcastss(ymm(0), xmm(0));
  forEightSums(asm, () => {
    asm.vmulps(ymm(1), ymm(0), at(record, recordSumsAt, rax, 1));
    asm.vmovupsStore(at(out, 0, rax, 1), ymm(1));
  });
}

/** rax = 0, 32 … while below 4·headDim. */
function forEightSums(asm: Assembler, body: () => void): void {
  const again = asm.label();
  load(asm, rcx, "rowBytes");
  asm.xor(rax, rax);
  asm.bind(again);
  body();
  asm.add(rax, lanesBytes);
  asm.cmp(rax, rcx);
  asm.jump("jb", again);
}
