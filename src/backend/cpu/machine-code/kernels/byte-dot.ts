/**
 * @module Four ways to sum products of bytes, exactly.
 *
 *            AVX2                                            VNNI
 *   q4   x repeated; w·x in pairs → i16; added in i16;   one instruction: 4 products a lane added to i32
 *        pairs of i16 → i32 once per group
 *   q8   |w| · (x with w's sign) in pairs → i16;         the same on w + 128, which has no sign; the sum starts
 *        pairs of i16 → i32; added in i32                from −128·Σx instead of 0
 *
 * The multiply-add of bytes takes its first operand without sign and its second with it.
 *
 *   q4, i16: 16 products of at most 15·127 = 30,480 < 32,768          (|x| ≤ 127: quantising sees to it)
 *   q8, i16:  2 products of at most 128·127 = 32,512 < 32,768
 */
import type { Assembler } from "../assembler/assembler.ts";
import { at, broadcast, type Memory, type VectorRegister } from "../assembler/operands.ts";
import type { TileShape } from "./matmul-tile.ts";

/** The same bytes in every part of a vector: in a register if one is free, else in memory. */
export type MakeConstant = (bytes: readonly number[]) => VectorRegister | Memory;

export interface ByteDot {
  /** Turns Σq_x of four tokens (f32) into what their sums start from (i32); false where that is zero. */
  startsFromSums(sums: VectorRegister): boolean;
  /** Gives a group's sum its start; `from` holds what `startsFromSums` made. */
  start(dot: VectorRegister, from: Memory): void;
  /** Makes signed weights fit the instruction, once for all tokens; `second` may keep something for `multiply`. */
  prepareSigned(weights: VectorRegister, second: VectorRegister): void;
  /** dot += weights · the four bytes at `four`, in each lane; `isFirst` for a group's first. */
  multiply(
    dot: VectorRegister,
    weights: VectorRegister,
    second: VectorRegister,
    four: Memory,
    isFirst: boolean,
  ): void;
  /** The finished sum as f32 (exact: it is below 2^24). */
  toFloat(dot: VectorRegister): void;
}

/** @param spare a register that may be overwritten between any two calls */
export function byteDot(
  asm: Assembler,
  { storage, target }: TileShape,
  spare: VectorRegister,
  constant: MakeConstant,
): ByteDot {
  if (target.byteDot !== "maddubs") return dotByVnni(asm, storage, target.byteDot, spare, constant);
  return storage === "q4" ? nibblesByAvx2(asm, spare, constant) : bytesByAvx2(asm, spare, constant);
}

const nothing = (): void => undefined;
const oneAsInt16 = [1, 0];

function nibblesByAvx2(asm: Assembler, spare: VectorRegister, constant: MakeConstant): ByteDot {
  const ones = constant(oneAsInt16);
  return {
    startsFromSums: () => false,
    start: nothing,
    prepareSigned: nothing,
    multiply(dot, weights, _, four, isFirst) {
      asm.vpbroadcastd(spare, four);
      asm.vpmaddubsw(isFirst ? dot : spare, weights, spare);
      if (!isFirst) asm.vpaddw(dot, dot, spare);
    },
    toFloat(dot) {
      asm.vpmaddwd(dot, dot, ones);
      asm.vcvtdq2ps(dot, dot);
    },
  };
}

function bytesByAvx2(asm: Assembler, spare: VectorRegister, constant: MakeConstant): ByteDot {
  const ones = constant(oneAsInt16);
  return {
    startsFromSums: () => false,
    start: nothing,
    prepareSigned: (weights, second) => asm.vpabsb(second, weights),
    multiply(dot, weights, magnitudes, four, isFirst) {
      asm.vpbroadcastd(spare, four);
      asm.vpsignb(spare, spare, weights);
      asm.vpmaddubsw(spare, magnitudes, spare);
      asm.vpmaddwd(isFirst ? dot : spare, spare, ones);
      if (!isFirst) asm.vpaddd(dot, dot, spare);
    },
    toFloat: (dot) => asm.vcvtdq2ps(dot, dot),
  };
}

function dotByVnni(
  asm: Assembler,
  storage: TileShape["storage"],
  encoding: "dpbusd-vex" | "dpbusd-evex",
  spare: VectorRegister,
  constant: MakeConstant,
): ByteDot {
  const isEvex = encoding === "dpbusd-evex";
  const signBits = storage === "q8" ? constant([0x80]) : spare;
  return {
    startsFromSums(sums) {
      if (storage === "q4") return false;
      asm.vmulps(
        sums,
        sums,
        at(asm.constant(new Uint8Array(Float32Array.of(-128, -128, -128, -128).buffer))),
      );
      asm.vcvtps2dq(sums, sums);
      return true;
    },
    start(dot, from) {
      if (storage === "q8") asm.vpbroadcastd(dot, from);
      else if (isEvex) asm.vpxord(dot, dot, dot);
      else asm.vpxor(dot, dot, dot);
    },
    prepareSigned(weights) {
      if (isEvex) asm.vpxord(weights, weights, signBits);
      else asm.vpxor(weights, weights, signBits);
    },
    multiply(dot, weights, _, four) {
      if (isEvex) asm.vpdpbusd(dot, weights, broadcast(four));
      else {
        asm.vpbroadcastd(spare, four);
        asm.vpdpbusdVex(dot, weights, spare);
      }
    },
    toFloat: (dot) => asm.vcvtdq2ps(dot, dot),
  };
}
