/**
 * @module Rotation of a head by a Hadamard matrix, so that int4 sees no outliers.
 *
 * The block is the largest power of two that divides headDim; each block is rotated by log2(block) stages of
 * (a, b) → (a + b, a − b), a and b `half` apart. The first three stages stay within eight numbers:
 *
 *   half 1   neighbors swapped       x0+x1, x0−x1, x2+x3, …
 *   half 2   pairs swapped            half 4   the two halves of the register swapped
 *
 * The matrix is orthonormal and its own inverse.
 */
import type { Assembler } from "../../assembler/assembler.ts";
import {
  at,
  type GeneralRegister,
  low32,
  r10,
  r11,
  rax,
  rcx,
  rdx,
  xmm,
  ymm,
} from "../../assembler/operands.ts";
import { floatConstant } from "../exponential.ts";
import { load, slot } from "./slots.ts";

const lanesBytes = 32;
const swapNeighbours = 0b10_11_00_01;
const swapPairs = 0b01_00_11_10;
const swapHalves = 1;

/** Rotates the head at `x` in place; headDim is a multiple of 8. Uses rax, rcx, rdx, r10, r11 and vectors 0 to 3. */
export function emitRotateHead(asm: Assembler, x: GeneralRegister): void {
  const [nextStage, done] = [asm.label(), asm.label()];
  const [half, blockBytes] = [r11, r10];
  forEightNumbers(asm, () => emitStagesWithin(asm, x));
  emitBlock(asm, blockBytes);
  asm.shl(blockBytes, 2);
  asm.mov(half, lanesBytes);
  asm.bind(nextStage);
  asm.cmp(half, blockBytes);
  asm.jump("jae", done);
  emitStage(asm, x, half);
  asm.add(half, half);
  asm.jmp(nextStage);
  asm.bind(done);
  emitNormalise(asm, x);
}

/** to = largest power of two that divides headDim. */
function emitBlock(asm: Assembler, to: GeneralRegister): void {
  asm.xor(to, to);
  asm.sub(to, slot("headDim"));
  asm.and(to, slot("headDim"));
}

/** rax = 0, 32 … while below 4·headDim. */
function forEightNumbers(asm: Assembler, body: () => void): void {
  const again = asm.label();
  load(asm, rcx, "rowBytes");
  asm.xor(rax, rax);
  asm.bind(again);
  body();
  asm.add(rax, lanesBytes);
  asm.cmp(rax, rcx);
  asm.jump("jb", again);
}

function emitStagesWithin(asm: Assembler, x: GeneralRegister): void {
  const [numbers, swapped] = [ymm(0), ymm(1)];
  asm.vmovups(numbers, at(x, 0, rax, 1));
  for (const half of [1, 2, 4]) {
    if (half === 4) asm.vperm2f128(swapped, numbers, numbers, swapHalves);
    else asm.vshufps(swapped, numbers, numbers, half === 1 ? swapNeighbours : swapPairs);
    // Negates b of each pair, so that adding the swapped numbers gives a + b and a − b.
    const signs = Float32Array.from({ length: 8 }, (_, lane) => ((lane & half) === 0 ? 0 : -0));
    asm.vxorps(numbers, numbers, at(asm.constant(new Uint8Array(signs.buffer))));
    asm.vaddps(numbers, numbers, swapped);
  }
  asm.vmovupsStore(at(x, 0, rax, 1), numbers);
}

/** (a, b) → (a + b, a − b) for all pairs `half` bytes apart. */
function emitStage(asm: Assembler, x: GeneralRegister, half: GeneralRegister): void {
  const [nextPair, nextNumbers] = [asm.label(), asm.label()];
  const [first, second, end] = [rax, rdx, rcx];
  asm.mov(first, x);
  asm.bind(nextPair);
  asm.lea(second, at(first, 0, half, 1));
  asm.mov(end, second);
  asm.bind(nextNumbers);
  asm.vmovups(ymm(0), at(first));
  asm.vmovups(ymm(1), at(second));
  asm.vaddps(ymm(2), ymm(0), ymm(1));
  asm.vsubps(ymm(3), ymm(0), ymm(1));
  asm.vmovupsStore(at(first), ymm(2));
  asm.vmovupsStore(at(second), ymm(3));
  asm.add(first, lanesBytes);
  asm.add(second, lanesBytes);
  asm.cmp(first, end);
  asm.jump("jb", nextNumbers);
  asm.mov(first, second);
  asm.mov(end, x);
  asm.add(end, slot("rowBytes"));
  asm.cmp(first, end);
  asm.jump("jb", nextPair);
}

function emitNormalise(asm: Assembler, x: GeneralRegister): void {
  const [factor, root] = [xmm(1), xmm(0)];
  emitBlock(asm, rax);
  asm.vmovd(root, low32(rax));
  asm.vcvtdq2ps(root, root);
  asm.vsqrtss(root, root, root);
  asm.vmovss(factor, floatConstant(asm, 1));
  asm.vdivss(factor, factor, root);
  asm.vbroadcastss(ymm(1), factor);
  forEightNumbers(asm, () => {
    asm.vmulps(ymm(0), ymm(1), at(x, 0, rax, 1));
    asm.vmovupsStore(at(x, 0, rax, 1), ymm(0));
  });
}
