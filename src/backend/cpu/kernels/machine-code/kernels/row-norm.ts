/**
 * @module 1 / sqrt(mean(x²) + eps) of a row: the factor of a root-mean-square norm.
 *
 * Each of eight lanes sums every eighth number; then the two halves are added, then (0 + 1) + (2 + 3). The result has the same bits
 * for every position of the row, and in the WebAssembly kernel.
 */
import type { Assembler } from "../assembler/assembler.ts";
import { at, type GeneralRegister, low32, type Memory, rax, xmm, ymm } from "../assembler/operands.ts";
import { floatConstant } from "./exponential.ts";
import { emitSumOfLanes } from "./lane-reductions.ts";

const lanesBytes = 32;

/** ymm(0) = the factor in every lane, of the f32 row [row, rowEnd), a multiple of 8 numbers. Uses rax, vectors 0 to 2. */
export function emitInverseRms(
  asm: Assembler,
  row: GeneralRegister,
  rowEnd: GeneralRegister,
  width: Memory,
  eps: Memory,
): void {
  const [squares, x, sum, spare] = [ymm(0), ymm(1), xmm(0), xmm(1)];
  const again = asm.label();
  asm.vxorps(squares, squares, squares);
  asm.mov(rax, row);
  asm.bind(again);
  asm.vmovups(x, at(rax));
  asm.vfmadd231ps(squares, x, x);
  asm.add(rax, lanesBytes);
  asm.cmp(rax, rowEnd);
  asm.jump("jb", again);

  asm.vextractf128(spare, squares, 1);
  asm.vaddps(sum, sum, spare);
  emitSumOfLanes(asm, sum, spare);
  asm.mov(low32(rax), width);
  asm.vmovd(spare, low32(rax));
  asm.vcvtdq2ps(spare, spare);
  asm.vdivss(sum, sum, spare);
  asm.vaddss(sum, sum, eps);
  asm.vsqrtss(sum, sum, sum);
  asm.vmovss(spare, floatConstant(asm, 1));
  asm.vdivss(sum, spare, sum);
  asm.vbroadcastss(squares, sum);
}
