/** @module Reductions of the lanes of a vector to one number. */
import type { Assembler } from "../assembler/assembler.ts";
import { type VectorRegister, xmm } from "../assembler/operands.ts";

/** maximum = the largest of eight lanes, in every lane of its width. Overwrites `eight` and `spare`. */
export function emitHighestLane(
  asm: Assembler,
  eight: VectorRegister,
  spare: VectorRegister,
  maximum: VectorRegister,
): void {
  const [low, high] = [xmm(eight.index), xmm(spare.index)];
  asm.vextractf128(high, eight, 1);
  asm.vmaxps(low, low, high);
  asm.vmovhlps(high, low, low);
  asm.vmaxps(low, low, high);
  asm.vmovshdup(high, low);
  asm.vmaxps(low, low, high);
  asm.vbroadcastss(maximum, low);
}

/** (lane 0 + lane 1) + (lane 2 + lane 3), in lane 0. */
export function emitSumOfLanes(
  asm: Assembler,
  four: ReturnType<typeof xmm>,
  spare: ReturnType<typeof xmm>,
): void {
  asm.vmovshdup(spare, four);
  asm.vaddps(four, four, spare);
  asm.vmovhlps(spare, four, four);
  asm.vaddss(four, four, spare);
}
