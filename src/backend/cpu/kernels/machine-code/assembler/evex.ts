/**
 * @module The EVEX encoding of AVX-512: 32 registers, 128 to 512 bits, a number in memory repeated in every lane.
 *
 *   62 | R̄ X̄ B̄ R̄' 0 map3 | W v̄v̄v̄v̄ 1 pp | z LL b V̄' aaa |
 *
 * R' and V' are the fifth bits of reg and vvvv; a register in rm has its fifth bit in X. LL is the vector width,
 * b the broadcast; z and aaa (write masks) stay 0: these kernels mask by blending, so that AVX2 does the same.
 * Source: Intel SDM volume 2, §2.7.1.
 */
import type { CodeBuffer } from "./code.ts";
import { extentBytes, type VectorInstruction } from "./encoding.ts";
import { emitModRm, extensionBits } from "./modrm.ts";

const widthBits = { 128: 0, 256: 1, 512: 2 } as const;

export function emitEvex(code: CodeBuffer, instruction: VectorInstruction): void {
  const { reg, rm, map, prefix, wide, opcode, bits, immediate, extent } = instruction;
  const vvvv = instruction.vvvv ?? 0;
  const { b, x } = extensionBits(rm);
  const isBroadcast = rm.kind === "memory" && rm.broadcast;
  const inverted = (value: number, bit: number, to: number): number => (((value >> bit) & 1) ^ 1) << to;
  code.emit(
    0x62,
    inverted(reg, 3, 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5) | inverted(reg, 4, 4) | map,
    (wide << 7) | ((~vvvv & 15) << 3) | 4 | prefix,
    (widthBits[bits] << 5) | ((isBroadcast ? 1 : 0) << 4) | inverted(vvvv, 4, 3),
    opcode,
  );
  emitModRm(code, reg, rm, extentBytes(extent, bits, isBroadcast), immediate === null ? 0 : 1);
  if (immediate !== null) code.emit(immediate);
}
