/**
 * @module The assembler: integer instructions (`general.ts`), and one method for each line of the vector table.
 *
 *   const asm = createAssembler();
 *   asm.vfmadd231ps(ymm(0), ymm(1), at(rsi, 32));      ymm0 += ymm1 · the 8 floats at rsi + 32
 */
import { invariant } from "../../../../../core/errors.ts";
import type { VectorInstruction } from "./encoding.ts";
import { emitEvex } from "./evex.ts";
import { GeneralAssembler } from "./general.ts";
import type { ListedOperand } from "./listing.ts";
import type { RegisterOrMemory } from "./modrm.ts";
import type { Operand, VectorRegister } from "./operands.ts";
import { type FormOperands, type VectorMnemonic, type VectorRow, vectorTable } from "./vector-table.ts";
import { emitVex } from "./vex.ts";

type VectorMethods = {
  readonly [Name in VectorMnemonic]: (...operands: FormOperands[(typeof vectorTable)[Name]["form"]]) => void;
};

export type Assembler = AssemblerCore & VectorMethods;

class AssemblerCore extends GeneralAssembler {
  /** Assigns the operands to the fields of the instruction, chooses the encoding, and writes the bytes. */
  vector(mnemonic: string, row: VectorRow, operands: readonly (Operand | number)[]): void {
    const listed: readonly ListedOperand[] = operands;
    this.note(row.alias ?? mnemonic, ...listed);
    const instruction = place(row, operands);
    if (needsEvex(row, instruction)) emitEvex(this, instruction);
    else emitVex(this, instruction);
  }
}

/** @param withListing also keep the instructions as text (for tests and diagnosis) */
export function createAssembler(withListing = false): Assembler {
  const core = new AssemblerCore(withListing);
  const methods = Object.entries<VectorRow>(vectorTable).map(([mnemonic, row]) => [
    mnemonic,
    (...operands: readonly (Operand | number)[]) => core.vector(mnemonic, row, operands),
  ]);
  return Object.assign(core, Object.fromEntries(methods) as VectorMethods);
}

function place(row: VectorRow, operands: readonly (Operand | number)[]): VectorInstruction {
  let reg = row.opcode.digit ?? 0;
  let vvvv: number | null = null;
  let rm: RegisterOrMemory | null = null;
  let immediate: number | null = null;
  let bits: VectorRegister["bits"] = 128;
  invariant(operands.length === row.form.length, () => `form ${row.form} with ${operands.length} operands`);
  for (const [i, operand] of operands.entries()) {
    if (typeof operand === "number") {
      immediate = operand;
      continue;
    }
    if (operand.kind === "vector" && operand.bits > bits) bits = operand.bits;
    const letter = row.form[i];
    if (letter === "m") rm = operand;
    else {
      invariant(operand.kind !== "memory", () => "memory where only a register can be");
      if (letter === "r") reg = operand.index;
      else vvvv = operand.index;
    }
  }
  invariant(rm !== null, () => `form ${row.form} without an rm operand`);
  return { ...row.opcode, extent: row.extent, reg, vvvv, rm, bits, immediate };
}

/** VEX can encode registers 0 to 15, at most 256 bits, and no embedded broadcast. */
function needsEvex(row: VectorRow, { reg, vvvv, rm, bits }: VectorInstruction): boolean {
  if (row.encodings === "evex") return true;
  const highest = Math.max(reg, vvvv ?? 0, rm.kind === "memory" ? 0 : rm.index);
  const isNeeded = bits === 512 || highest > 15 || (rm.kind === "memory" && rm.broadcast);
  invariant(!isNeeded || row.encodings === "both", () => "an AVX2 instruction with operands of AVX-512");
  return isNeeded;
}
