/**
 * @module Turns a row of scores into weights if the row sees every column and there is no soft cap, as nearly all rows do.
 *
 * It gives the same numbers as `softmax.ts`, without masks, 16 columns at a time:
 *
 *   512 bits   one vector, with the constants of e^x in registers 16 to 31
 *   256 bits   two vectors, for which each constant is loaded once
 *
 * The sum has four lanes and adds four columns at a time, for every vector width.
 *
 * Limit: the additions of the sum, which depend on each other, 12 cycles for 16 columns; multiply-adds take about as long.
 */
import type { Assembler } from "../../assembler/assembler.ts";
import { at, rcx, resized, rsi, type VectorRegister, xmm, ymm, zmm } from "../../assembler/operands.ts";
import type { Target } from "../../processor/targets.ts";
import { type ExpConstants, emitExp, expFloats, floatConstant, intConstant } from "../exponential.ts";
import { emitHighestLane, emitSumOfLanes } from "../lane-reductions.ts";
import type { SoftmaxRow } from "./softmax.ts";

const bytesATurn = 64;
const sum = xmm(12);
const firstConstant = 16;

/** Registers of 16 columns and of their largest score. */
interface Turn {
  /** Scores, then arguments; all are overwritten. */
  readonly x: readonly VectorRegister[];
  readonly n: readonly VectorRegister[];
  readonly e: readonly VectorRegister[];
  readonly largest: VectorRegister;
  readonly maximum: VectorRegister;
}

function turnOf({ vectorBits }: Target): Turn {
  return vectorBits === 512
    ? { x: [zmm(0)], n: [zmm(1)], e: [zmm(2)], largest: zmm(7), maximum: zmm(11) }
    : {
        x: [ymm(0), ymm(3)],
        n: [ymm(1), ymm(4)],
        e: [ymm(2), ymm(5)],
        largest: ymm(7),
        maximum: ymm(11),
      };
}

/** Uses rcx, rsi, vectors 0 to 12, and 16 to 31 where they exist. */
export function emitSoftmaxWholeRow(asm: Assembler, target: Target, row: SoftmaxRow): void {
  const turn = turnOf(target);
  const constants = target.vectorBits === 512 ? inRegisters(asm) : loadedOnce(asm, ymm(6));
  emitLargest(asm, row, turn);
  asm.vmovssStore(at(row.record), xmm(turn.maximum.index));
  asm.vxorps(sum, sum, sum);
  forEachTurn(asm, row, () => {
    for (const [i, x] of turn.x.entries()) {
      asm.vmovups(x, at(rsi, (i * x.bits) / 8));
      asm.vsubps(x, x, turn.maximum);
    }
    emitExp(asm, expsOf(turn), constants);
    for (const [i, e] of turn.e.entries()) {
      asm.vmovupsStore(at(rsi, (i * e.bits) / 8), e);
      emitAddLanes(asm, e);
    }
  });
  emitSumOfLanes(asm, sum, xmm(0));
  asm.vmovssStore(at(row.record, 4), sum);
}

function forEachTurn(asm: Assembler, { scores, columnBytes }: SoftmaxRow, body: () => void): void {
  const again = asm.label();
  asm.mov(rsi, scores);
  asm.lea(rcx, at(scores, 0, columnBytes, 1));
  asm.bind(again);
  body();
  asm.add(rsi, bytesATurn);
  asm.cmp(rsi, rcx);
  asm.jump("jb", again);
}

/** maximum = the row's largest score in every lane. */
function emitLargest(asm: Assembler, row: SoftmaxRow, { x, largest, maximum }: Turn): void {
  asm.vbroadcastss(largest, floatConstant(asm, Number.NEGATIVE_INFINITY));
  forEachTurn(asm, row, () => {
    for (const i of x.keys()) asm.vmaxps(largest, largest, at(rsi, (i * largest.bits) / 8));
  });
  const eight = ymm(largest.index);
  if (largest.bits === 512) {
    asm.vextractf64x4(ymm(0), largest, 1);
    asm.vmaxps(eight, eight, ymm(0));
  }
  emitHighestLane(asm, eight, ymm(0), maximum);
}

const expsOf = ({ x, n, e }: Turn) =>
  x.map((register, i) => ({ x: register, n: n[i] ?? register, result: e[i] ?? register }));

/** sum += each four columns of e, in order. Overwrites e and vector 0. */
function emitAddLanes(asm: Assembler, e: VectorRegister): void {
  if (e.bits === 512) {
    emitAddLanes(asm, ymm(e.index));
    asm.vextractf64x4(ymm(e.index), e, 1);
    emitAddLanes(asm, ymm(e.index));
    return;
  }
  asm.vaddps(sum, sum, resized(e, 128));
  asm.vextractf128(xmm(0), e, 1);
  asm.vaddps(sum, sum, xmm(0));
}

function inRegisters(asm: Assembler): ExpConstants {
  const registers = new Map(expFloats.map((value, i) => [value, zmm(firstConstant + i)]));
  for (const [value, register] of registers) asm.vbroadcastss(register, floatConstant(asm, value));
  const bias = zmm(firstConstant + expFloats.length);
  return {
    float: (value) => registers.get(value) ?? floatConstant(asm, value, 512),
    int: (value) => {
      asm.vpbroadcastd(bias, intConstant(asm, value));
      return bias;
    },
  };
}

function loadedOnce(asm: Assembler, register: VectorRegister): ExpConstants {
  return {
    float: (value) => {
      asm.vmovups(register, floatConstant(asm, value));
      return register;
    },
    int: (value) => {
      asm.vmovups(register, intConstant(asm, value));
      return register;
    },
  };
}
