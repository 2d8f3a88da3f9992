/**
 * @module The assembled instructions as text: for people, and for the test that compares it with a disassembler.
 */
import type { Label } from "./code.ts";
import type { GeneralRegister, Memory, VectorRegister } from "./operands.ts";

export type ListedOperand = GeneralRegister | VectorRegister | Memory | Label | number;

const oldNames = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
const vectorLetters = { 128: "x", 256: "y", 512: "z" } as const;

/** A register in Intel's spelling: rax, r10d, ymm3. */
function registerName(register: GeneralRegister | VectorRegister): string {
  if (register.kind === "vector") return `${vectorLetters[register.bits]}mm${register.index}`;
  const old = oldNames[register.index];
  if (old !== undefined) return (register.bits === 64 ? "r" : "e") + old;
  return `r${register.index}${register.bits === 64 ? "" : "d"}`;
}

const hex = (value: number): string =>
  value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;

function memoryText(memory: Memory, numLanes: number): string {
  const suffix = memory.broadcast ? `{1to${numLanes}}` : "";
  if (memory.base.kind === "label") return `[${hex((memory.base.position ?? 0) + memory.disp)}]${suffix}`;
  const index = memory.index === null ? "" : `+${registerName(memory.index)}*${memory.scale}`;
  const disp = memory.disp === 0 ? "" : (memory.disp < 0 ? "" : "+") + hex(memory.disp);
  return `[${registerName(memory.base)}${index}${disp}]${suffix}`;
}

function operandText(operand: ListedOperand, numLanes: number): string {
  if (typeof operand === "number") return hex(operand);
  if (operand.kind === "memory") return memoryText(operand, numLanes);
  return operand.kind === "label" ? hex(operand.position ?? 0) : registerName(operand);
}

/** The instructions of one piece of code in the order they were written. */
export class Listing {
  readonly #entries: { position: number; mnemonic: string; operands: readonly ListedOperand[] }[] = [];

  add(position: number, mnemonic: string, operands: readonly ListedOperand[]): void {
    this.#entries.push({ position, mnemonic, operands });
  }

  /** One line per instruction, in Intel's syntax; valid once every label is bound. */
  lines(): { readonly position: number; readonly text: string }[] {
    return this.#entries.map(({ position, mnemonic, operands }) => {
      const widths = operands.map((o) => (typeof o !== "number" && o.kind === "vector" ? o.bits : 0));
      const numLanes = Math.max(...widths, 0) / 32;
      const text = `${mnemonic} ${operands.map((o) => operandText(o, numLanes)).join(",")}`.trim();
      return { position, text };
    });
  }
}
