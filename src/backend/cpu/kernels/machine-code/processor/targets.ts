/**
 * @module The kinds of processor that kernels are written for.
 *
 *   avx2          16 registers of 256 bits, multiply-adds of bytes in two steps through 16 bits
 *   avx-vnni      the same with one dot-product instruction (VEX encoded: Intel client processors since 2021)
 *   avx512-vnni   32 registers of 512 bits, the dot product can repeat its second operand from memory in every lane
 *
 * All of them, for the same job, give the same bits: integers are exact, and the order of float operations is the same.
 */
import type { CpuFeatures } from "./cpu-features.ts";

export type TargetName = "avx2" | "avx-vnni" | "avx512-vnni";

export interface Target {
  readonly name: TargetName;
  readonly vectorBits: 256 | 512;
  readonly numVectorRegisters: 16 | 32;
  /** Dot products of four bytes a lane: in two steps, or by one instruction in either encoding. */
  readonly byteDot: "maddubs" | "dpbusd-vex" | "dpbusd-evex";
  /** a·b + c with one rounding. Without it (tests only) results are those of arithmetic step by step. */
  readonly fused: boolean;
}

export const targets: Readonly<Record<TargetName, Target>> = {
  avx2: { name: "avx2", vectorBits: 256, numVectorRegisters: 16, byteDot: "maddubs", fused: true },
  "avx-vnni": {
    name: "avx-vnni",
    vectorBits: 256,
    numVectorRegisters: 16,
    byteDot: "dpbusd-vex",
    fused: true,
  },
  "avx512-vnni": {
    name: "avx512-vnni",
    vectorBits: 512,
    numVectorRegisters: 32,
    byteDot: "dpbusd-evex",
    fused: true,
  },
};

/** Targets that this processor runs, best first. */
export function runnableTargets(features: CpuFeatures): Target[] {
  if (!(features.avx2 && features.fma && features.f16c)) return [];
  return [
    ...(features.avx512Vnni ? [targets["avx512-vnni"]] : []),
    ...(features.avxVnni ? [targets["avx-vnni"]] : []),
    targets.avx2,
  ];
}
