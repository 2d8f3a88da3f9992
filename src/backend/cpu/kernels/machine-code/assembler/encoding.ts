/**
 * @module The manual's description of a vector instruction as data, and the choice between its two encodings.
 */

import type { RegisterOrMemory } from "./modrm.ts";
import type { VectorRegister } from "./operands.ts";

/**
 * How many bytes a memory operand covers at vector width V, which is also the unit of an EVEX 8-bit displacement:
 * the whole vector, a half, a quarter or an eighth of it (conversions that widen), or one number.
 */
export type MemoryExtent =
  | "full"
  | "half"
  | "quarter"
  | "eighth"
  | "scalar8"
  | "scalar16"
  | "scalar32"
  | "scalar64";

/** The parts of the encoding that do not depend on operands. */
export interface Opcode {
  /** 0: none, 1: 66, 2: F3, 3: F2 */
  readonly prefix: 0 | 1 | 2 | 3;
  /** 1: 0F, 2: 0F38, 3: 0F3A */
  readonly map: 1 | 2 | 3;
  readonly wide: 0 | 1;
  readonly opcode: number;
  /** The /digit that takes the place of a register in ModRM. */
  readonly digit: number | null;
}

/** An instruction whose operands are assigned to the fields of the encodings. */
export interface VectorInstruction extends Opcode {
  readonly extent: MemoryExtent;
  /** ModRM.reg: a register number, or the digit. */
  readonly reg: number;
  /** The extra source register of three-operand forms. */
  readonly vvvv: number | null;
  readonly rm: RegisterOrMemory;
  readonly bits: VectorRegister["bits"];
  readonly immediate: number | null;
}

const prefixes: Readonly<Record<string, 0 | 1 | 2 | 3>> = { NP: 0, "66": 1, F3: 2, F2: 3 };
const maps: Readonly<Record<string, 1 | 2 | 3>> = { "0F": 1, "0F38": 2, "0F3A": 3 };

/** Reads the manual's own notation, e.g. `66.0F38.WIG 04` or `66.0F.W0 72 /2`. */
export function parseOpcode(notation: string): Opcode {
  const [head = "", opcode = "", digit] = notation.split(" ");
  const [prefix = "", map = "", wide = ""] = head.split(".");
  return {
    prefix: prefixes[prefix] ?? 0,
    map: maps[map] ?? 1,
    wide: wide === "W1" ? 1 : 0,
    opcode: Number.parseInt(opcode, 16),
    digit: digit === undefined ? null : Number(digit.slice(1)),
  };
}

/** Bytes that a memory operand of this extent covers. */
export function extentBytes(extent: MemoryExtent, bits: VectorRegister["bits"], broadcast: boolean): number {
  if (broadcast) return 4;
  switch (extent) {
    case "full":
      return bits / 8;
    case "half":
      return bits / 16;
    case "quarter":
      return bits / 32;
    case "eighth":
      return bits / 64;
    case "scalar8":
      return 1;
    case "scalar16":
      return 2;
    case "scalar32":
      return 4;
    case "scalar64":
      return 8;
  }
}
