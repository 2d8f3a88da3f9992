/**
 * @module The VEX encoding of AVX, AVX2, FMA and AVX-VNNI: registers 0 to 15, 128 or 256 bits.
 *
 *   C5  | R̄ v̄v̄v̄v̄ L pp |                         where X, B and W are not needed and the map is 0F
 *   C4  | R̄ X̄ B̄ map5 | W v̄v̄v̄v̄ L pp |           else
 *
 * A bar marks bits stored inverted. Source: Intel SDM volume 2, §2.3.5.
 */
import { invariant } from "../../../../../core/errors.ts";
import type { CodeBuffer } from "./code.ts";
import type { VectorInstruction } from "./encoding.ts";
import { emitModRm, extensionBits } from "./modrm.ts";

export function emitVex(code: CodeBuffer, instruction: VectorInstruction): void {
  const { reg, rm, vvvv, map, prefix, wide, opcode, bits, immediate } = instruction;
  invariant(bits !== 512, () => "VEX has no 512-bit vectors");
  const { b, x } = extensionBits(rm);
  const r = (reg >> 3) & 1;
  const tail = ((~(vvvv ?? 0) & 15) << 3) | ((bits === 256 ? 1 : 0) << 2) | prefix;
  if (x === 0 && b === 0 && wide === 0 && map === 1) code.emit(0xc5, ((r ^ 1) << 7) | tail);
  else code.emit(0xc4, ((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5) | map, (wide << 7) | tail);
  code.emit(opcode);
  emitModRm(code, reg, rm, 1, immediate === null ? 0 : 1);
  if (immediate !== null) code.emit(immediate);
}
