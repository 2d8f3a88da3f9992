/**
 * @module The operand bytes that every x86-64 encoding ends with.
 *
 *   ModRM  mod 2 | reg 3 | rm 3       mod 11: rm is a register; 00, 01, 10: memory with 0, 1 or 4 bytes of displacement
 *   SIB    scale 2 | index 3 | base 3     present where there is an index, or the base is rsp or r12 (rm = 100)
 *   disp   1 or 4 bytes; an EVEX disp8 counts in units of the bytes the instruction reads or writes ("disp8·N")
 *
 * Source: Intel SDM volume 2, §2.1.5, §2.7.5.
 */
import { invariant } from "../../../../../core/errors.ts";
import type { CodeBuffer } from "./code.ts";
import type { GeneralRegister, Memory, VectorRegister } from "./operands.ts";

export type RegisterOrMemory = GeneralRegister | VectorRegister | Memory;

const scaleBits = { 1: 0, 2: 1, 4: 2, 8: 3 } as const;

/** Bit 3 of the registers inside `operand`, for the prefix: B extends rm or base, X extends index. */
export function extensionBits(operand: RegisterOrMemory): { b: number; x: number } {
  if (operand.kind !== "memory") return { b: (operand.index >> 3) & 1, x: (operand.index >> 4) & 1 };
  const base = operand.base.kind === "label" ? 0 : operand.base.index;
  return { b: (base >> 3) & 1, x: ((operand.index?.index ?? 0) >> 3) & 1 };
}

/**
 * Writes ModRM, SIB and displacement.
 * @param reg the three bits of the other operand (or of the opcode's /digit)
 * @param dispUnit bytes of one step of an 8-bit displacement
 * @param bytesAfter immediate bytes that follow: a distance to a label counts from the instruction's end
 */
export function emitModRm(
  code: CodeBuffer,
  reg: number,
  operand: RegisterOrMemory,
  dispUnit: number,
  bytesAfter: number,
): void {
  const regBits = (reg & 7) << 3;
  if (operand.kind !== "memory") {
    code.emit(0xc0 | regBits | (operand.index & 7));
    return;
  }
  if (operand.base.kind === "label") {
    invariant(operand.index === null, () => "an address relative to the code has no index");
    code.emit(regBits | 5);
    code.emitDistance(operand.base, bytesAfter, operand.disp);
    return;
  }
  emitBaseIndex(code, regBits, operand, operand.base, dispUnit);
}

function emitBaseIndex(
  code: CodeBuffer,
  regBits: number,
  memory: Memory,
  base: GeneralRegister,
  dispUnit: number,
): void {
  const baseBits = base.index & 7;
  const needsSib = memory.index !== null || baseBits === 4;
  const mod = displacementMode(memory.disp, baseBits, dispUnit);
  code.emit((mod << 6) | regBits | (needsSib ? 4 : baseBits));
  if (needsSib) {
    const indexBits = memory.index === null ? 4 : memory.index.index & 7;
    code.emit((scaleBits[memory.scale] << 6) | (indexBits << 3) | baseBits);
  }
  if (mod === 1) code.emit(memory.disp / dispUnit);
  if (mod === 2) code.emitInt32(memory.disp);
}

/** mod bits: rbp and r13 as base have no form without displacement (those bits mean "relative to the code"). */
function displacementMode(disp: number, baseBits: number, dispUnit: number): 0 | 1 | 2 {
  if (disp === 0 && baseBits !== 5) return 0;
  const steps = disp / dispUnit;
  return Number.isInteger(steps) && steps >= -128 && steps <= 127 ? 1 : 2;
}
