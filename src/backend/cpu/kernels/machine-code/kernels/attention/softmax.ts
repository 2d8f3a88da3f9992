/**
 * @module Turns a row of scores into weights: m = max s, e = e^(s − m), l = Σ e, over the columns that the row sees.
 *
 *   columns   0 ┄┄┄ from ━━━━━━━ to ┄┄┄ 16·numTiles        outside [from, to): weight 0
 *
 * l is summed in four lanes, each over every fourth column, as the WebAssembly kernels do.
 */
import type { Assembler } from "../../assembler/assembler.ts";
import type { Label } from "../../assembler/code.ts";
import { at, type GeneralRegister, low32, rcx, rsi, xmm, ymm } from "../../assembler/operands.ts";
import { emitExp, emitTanh, floatConstant, intConstant } from "../exponential.ts";
import { emitHighestLane, emitSumOfLanes } from "../lane-reductions.ts";

/** Registers of a row; none of them is changed. */
export interface SoftmaxRow {
  readonly scores: GeneralRegister;
  /** Used bytes of the row: 64 · numTiles. */
  readonly columnBytes: GeneralRegister;
  readonly from: GeneralRegister;
  readonly to: GeneralRegister;
  /** The record whose m and l are written. */
  readonly record: GeneralRegister;
}

const columnNumbers = new Uint8Array(Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7).buffer);
const notEqual = 4;
const [x, n, e] = [ymm(0), ymm(1), ymm(2)];
const [column, first, end, lowest, largest] = [ymm(3), ymm(4), ymm(5), ymm(6), ymm(7)];
const [cap, inverseOrder, mask] = [ymm(8), ymm(9), ymm(10)];
const maximum = ymm(11);
const sum = xmm(12);

/** @param softcap the job's field, 0 for none. Uses rcx, rsi and vectors 0 to 12. */
export function emitSoftmaxRow(asm: Assembler, row: SoftmaxRow, softcap: ReturnType<typeof at>): void {
  const [withoutCap, done] = [asm.label(), asm.label()];
  emitRowConstants(asm, row);
  asm.vbroadcastss(cap, softcap);
  asm.cmpMemory(softcap, 0);
  asm.jump("je", withoutCap);
  emitMaximum(asm, row, true);
  asm.jmp(done);
  asm.bind(withoutCap);
  emitMaximum(asm, row, false);
  asm.bind(done);
  emitHighestLane(asm, largest, mask, maximum);
  emitWeights(asm, row);
}

function emitRowConstants(asm: Assembler, { from, to }: SoftmaxRow): void {
  asm.vmovups(column, at(asm.constant(columnNumbers)));
  for (const [register, number] of [
    [first, from],
    [end, to],
  ] as const) {
    asm.vmovd(xmm(register.index), low32(number));
    asm.vpbroadcastd(register, xmm(register.index));
  }
  asm.vmovups(lowest, floatConstant(asm, -Infinity));
  asm.vmovups(largest, lowest);
}

function forEightColumns(asm: Assembler, { scores, columnBytes }: SoftmaxRow, body: () => void): void {
  const again: Label = asm.label();
  asm.mov(rsi, scores);
  asm.lea(rcx, at(scores, 0, columnBytes, 1));
  asm.bind(again);
  body();
  asm.add(rsi, 32);
  asm.cmp(rsi, rcx);
  asm.jump("jb", again);
}

/** Applies the soft cap, puts −∞ where the row does not see, and finds the largest score. */
function emitMaximum(asm: Assembler, row: SoftmaxRow, hasCap: boolean): void {
  forEightColumns(asm, row, () => {
    asm.vmovups(x, at(rsi));
    if (hasCap) {
      asm.vdivps(x, x, cap);
      emitTanh(asm, { x, n, result: e });
      asm.vmulps(x, cap, e);
    }
    asm.vpcmpgtd(mask, first, column); // column < from
    asm.vpcmpgtd(inverseOrder, end, column); // column < to
    asm.vandnps(mask, mask, inverseOrder);
    asm.vandps(x, x, mask);
    asm.vandnps(mask, mask, lowest);
    asm.vorps(x, x, mask);
    asm.vmaxps(largest, largest, x);
    asm.vmovupsStore(at(rsi), x);
    asm.vpaddd(column, column, intConstant(asm, 8));
  });
}

function emitWeights(asm: Assembler, row: SoftmaxRow): void {
  asm.vxorps(sum, sum, sum);
  forEightColumns(asm, row, () => {
    asm.vmovups(x, at(rsi));
    asm.vcmpps(mask, x, lowest, notEqual);
    asm.vsubps(x, x, maximum);
    emitExp(asm, { x, n, result: e });
    asm.vandps(e, e, mask);
    asm.vmovupsStore(at(rsi), e);
    asm.vaddps(sum, sum, xmm(e.index));
    asm.vextractf128(xmm(n.index), e, 1);
    asm.vaddps(sum, sum, xmm(n.index));
  });
  asm.vmovssStore(at(row.record), xmm(maximum.index));
  emitSumOfLanes(asm, sum, xmm(x.index));
  asm.vmovssStore(at(row.record, 4), sum);
}
