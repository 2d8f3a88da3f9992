/**
 * @module Activations to int8, groups of 32 with one scale: q = round(x · 127/max|x|), scale = max|x|/127.
 *
 * The row comes from memory, from a norm, or from a gate, so that the f32 row in between is never written.
 * A group is four vectors of 8; packing them twice leaves their quarters in this order, each four bytes of k … k+3,
 * which go 16 bytes apart in the token's column of the token pack (footprint/workspace-layout.ts):
 *
 *   packed   ┌ k 0 ┬ k 8 ┬ k 16 ┬ k 24 ┬ k 4 ┬ k 12 ┬ k 20 ┬ k 28 ┐
 *
 * Every number is rounded as the WebAssembly kernel rounds it. Limit: instructions, 1.5 a number, and 3.5 more for the
 * exponential and the division of a gate.
 */
import { groupWidth } from "../../../../../core/weight-storage.ts";
import { quantizedBytes, tokensPerPack } from "../../../footprint/workspace-layout.ts";
import { activationCodes } from "../../jobs.ts";
import type { Assembler } from "../assembler/assembler.ts";
import { at, low32, r8, r9, rax, rbx, rcx, rdx, rsi, xmm, ymm } from "../assembler/operands.ts";
import { type Activation, emitActivation } from "./activation.ts";
import { floatConstant, intConstant } from "./exponential.ts";
import { emitKernel, type JobFields } from "./frame.ts";
import { emitInverseRms } from "./row-norm.ts";

export type QuantizeName = "quantizeRows" | "normQuantize" | "gluQuantize";

const tokenPackGroupBytes = quantizedBytes(tokensPerPack, groupWidth);
const groupBytes = groupWidth * 4;
const [scaleAt, sumAt, vectorStride] = [128, 144, 16];
/** The reciprocal of a smaller maximum would overflow: such a group becomes 0. */
const smallest = 1e-30;
const greaterThan = 14;

const [token, x, xEnd, rowBytes, to, weight] = [r8, rsi, rdx, rcx, r9, rbx];
/** A group's numbers; then working registers. */
const group = [ymm(4), ymm(5), ymm(6), ymm(7)] as const;
const normFactor = ymm(8);
const working = { x: ymm(0), n: ymm(1), result: ymm(2) };

export function emitQuantize(asm: Assembler, kernel: QuantizeName): void {
  emitKernel(asm, kernel, 0, (job: JobFields<QuantizeName>) => {
    const [nextToken, done] = [asm.label(), asm.label()];
    job.start(token);
    job.load(rowBytes, "width");
    asm.shl(rowBytes, 2);
    asm.bind(nextToken);
    asm.cmp(low32(token), job.end);
    asm.jump("jae", done);
    emitTokenPlaces(asm, job);
    if (kernel === "normQuantize") emitNormSetup(asm, job as JobFields<"normQuantize">);
    if (kernel === "gluQuantize") emitGatedRow(asm, job as JobFields<"gluQuantize">);
    else emitRow(asm, () => emitLoad(asm, kernel));
    asm.add(token, 1);
    asm.jmp(nextToken);
    asm.bind(done);
  });
}

/** The token's row, and its column of its token pack. */
function emitTokenPlaces(asm: Assembler, job: JobFields<QuantizeName>): void {
  job.load(rax, "inputStride");
  asm.imul(rax, token);
  job.pointer(x, "input");
  asm.add(x, rax);
  asm.lea(xEnd, at(x, 0, rowBytes, 1));
  asm.mov(rax, token);
  asm.shr(rax, Math.log2(tokensPerPack));
  asm.imul(rax, rowBytes);
  asm.shr(rax, Math.log2(groupBytes)); // groups before this token pack: rowBytes is a multiple of groupBytes
  asm.imulBy(rax, rax, tokenPackGroupBytes);
  job.pointer(to, "out");
  asm.add(to, rax);
  asm.mov(rax, token);
  asm.and(rax, tokensPerPack - 1);
  asm.lea(to, at(to, 0, rax, 4));
}

function emitNormSetup(asm: Assembler, job: JobFields<"normQuantize">): void {
  emitInverseRms(asm, x, xEnd, job.field("width"), job.field("eps"));
  asm.vmovups(normFactor, ymm(0));
  job.pointer(weight, "weight");
}

/** One loop for each activation, so that there are no branches inside a group. */
function emitGatedRow(asm: Assembler, job: JobFields<"gluQuantize">): void {
  const [gelu, done] = [asm.label(), asm.label()];
  const rowOf = (activation: Activation): void =>
    emitRow(asm, () => {
      for (const [i, numbers] of group.entries()) {
        asm.vmovups(numbers, at(x, 32 * i));
        emitActivation(asm, activation, numbers, working);
        asm.vmulps(numbers, numbers, at(x, 32 * i, rowBytes, 1));
      }
    });
  asm.cmpMemory(job.field("activation"), activationCodes.geluTanh);
  asm.jump("je", gelu);
  rowOf("silu");
  asm.jmp(done);
  asm.bind(gelu);
  rowOf("geluTanh");
  asm.bind(done);
}

/** The group's numbers at `x`, normed if there is a norm. */
function emitLoad(asm: Assembler, kernel: QuantizeName): void {
  for (const [i, numbers] of group.entries()) {
    if (kernel === "quantizeRows") {
      asm.vmovups(numbers, at(x, 32 * i));
      continue;
    }
    asm.vmulps(numbers, normFactor, at(x, 32 * i));
    asm.vmulps(numbers, numbers, at(weight, 32 * i));
  }
  if (kernel === "normQuantize") asm.add(weight, groupBytes);
}

/** All groups of a row: `emitNumbers` puts 32 numbers into `group`. */
function emitRow(asm: Assembler, emitNumbers: () => void): void {
  const nextGroup = asm.label();
  asm.bind(nextGroup);
  emitNumbers();
  emitScales(asm);
  emitBytes(asm);
  asm.add(to, tokenPackGroupBytes);
  asm.add(x, groupBytes);
  asm.cmp(x, xEnd);
  asm.jump("jb", nextGroup);
}

/** Stores the scale; ymm(0) = 127 / max|x| in every lane, 0 for a group of zeros. */
function emitScales(asm: Assembler): void {
  const [largest, other, factor, isBig, scale] = [xmm(0), xmm(1), xmm(2), xmm(3), xmm(1)];
  const magnitude = intConstant(asm, 0x7fffffff);
  asm.vandps(ymm(0), group[0], magnitude);
  for (const numbers of group.slice(1)) {
    asm.vandps(ymm(1), numbers, magnitude);
    asm.vmaxps(ymm(0), ymm(0), ymm(1));
  }
  asm.vextractf128(other, ymm(0), 1);
  asm.vmaxps(largest, largest, other);
  asm.vmovhlps(other, largest, largest);
  asm.vmaxps(largest, largest, other);
  asm.vmovshdup(other, largest);
  asm.vmaxps(largest, largest, other);

  asm.vcmpps(isBig, largest, floatConstant(asm, smallest), greaterThan);
  asm.vmovss(factor, floatConstant(asm, 127));
  asm.vdivss(scale, largest, factor);
  asm.vandps(scale, scale, isBig);
  asm.vmovssStore(at(to, scaleAt), scale);
  asm.vdivss(factor, factor, largest);
  asm.vandps(factor, factor, isBig);
  asm.vbroadcastss(ymm(0), factor);
}

/** Stores the 32 bytes, four at a time, and their sum. */
function emitBytes(asm: Assembler): void {
  const [first, second, third, fourth] = group;
  for (const numbers of group) {
    asm.vmulps(numbers, numbers, ymm(0));
    asm.vcvtps2dq(numbers, numbers); // to the nearest, ties to even
  }
  const [sum, other, packed] = [ymm(0), ymm(1), ymm(2)];
  asm.vpaddd(sum, first, second);
  asm.vpaddd(other, third, fourth);
  asm.vpaddd(sum, sum, other);
  asm.vpackssdw(first, first, second);
  asm.vpackssdw(third, third, fourth);
  asm.vpacksswb(packed, first, third);
  asm.vextracti128(xmm(third.index), packed, 1);
  for (let i = 0; i < 4; i++) {
    asm.vpextrdStore(at(to, 2 * i * vectorStride), xmm(packed.index), i);
    asm.vpextrdStore(at(to, (2 * i + 1) * vectorStride), xmm(third.index), i);
  }
  const [four, spare] = [xmm(sum.index), xmm(other.index)];
  asm.vextracti128(spare, sum, 1);
  asm.vpaddd(four, four, spare);
  asm.vmovhlps(spare, four, four);
  asm.vpaddd(four, four, spare);
  asm.vmovshdup(spare, four);
  asm.vpaddd(four, four, spare);
  asm.vcvtdq2ps(four, four);
  asm.vmovssStore(at(to, sumAt), four);
}
