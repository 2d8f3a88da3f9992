/**
 * @module e^x of every lane, by the same operations in the same order as the WebAssembly kernels: same bits.
 *
 *   x clamped to [−87, 88], so that results are normal numbers
 *   n = round(x / ln 2),  r = x − n·ln 2               ln 2 in two parts, the first with 12 bits: n·first is exact
 *   e^x = 2^n · (1 + r(1 + r(1/2 + r(1/6 + … r/5040))))   Taylor, off by less than 6e-9 for |r| ≤ ln 2 / 2
 */
import type { Assembler } from "../assembler/assembler.ts";
import { at, type Memory, type VectorRegister } from "../assembler/operands.ts";

export interface ExpRegisters {
  /** In: the argument. Overwritten. */
  readonly x: VectorRegister;
  readonly n: VectorRegister;
  /** Out: e^x. */
  readonly result: VectorRegister;
}

const [lowest, highest] = [-87, 88];
const ln2High = -0.693359375;
const ln2Low = 2.1219444005469057e-4;
const coefficients = [1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1, 1];
const exponentBias = 127;
const mantissaBits = 23;
const nearestEven = 0;

/** The same f32 in every lane, beside the code. */
export function floatConstant(asm: Assembler, value: number, bits: 128 | 256 | 512 = 256): Memory {
  return at(asm.constant(new Uint8Array(Float32Array.from({ length: bits / 32 }, () => value).buffer)));
}

/** The same i32 in every lane, beside the code. */
export function intConstant(asm: Assembler, value: number, bits: 128 | 256 | 512 = 256): Memory {
  return at(asm.constant(new Uint8Array(Int32Array.from({ length: bits / 32 }, () => value).buffer)));
}

/** For 128 or 256 bits and registers 0 to 15. */
export function emitExp(asm: Assembler, { x, n, result }: ExpRegisters): void {
  const constant = (value: number): Memory => floatConstant(asm, value);
  asm.vmaxps(x, x, constant(lowest));
  asm.vminps(x, x, constant(highest));
  asm.vmulps(n, x, constant(Math.LOG2E));
  asm.vroundps(n, n, nearestEven);
  asm.vfmadd231ps(x, n, constant(ln2High));
  asm.vfmadd231ps(x, n, constant(ln2Low));
  asm.vmovups(result, constant(1 / 5040));
  for (const coefficient of coefficients) asm.vfmadd213ps(result, x, constant(coefficient));
  asm.vcvttps2dq(n, n);
  asm.vpaddd(n, n, intConstant(asm, exponentBias));
  asm.vpslld(n, n, mantissaBits);
  asm.vmulps(result, result, n);
}

/** result = 1 / (1 + e^(−x)); x is kept in `x`'s place only if it is also elsewhere. */
export function emitSigmoid(asm: Assembler, { x, n, result }: ExpRegisters): void {
  asm.vxorps(x, x, floatConstant(asm, -0));
  emitExp(asm, { x, n, result });
  asm.vaddps(result, result, floatConstant(asm, 1));
  asm.vmovups(n, floatConstant(asm, 1));
  asm.vdivps(result, n, result);
}

/** result = tanh x = 1 − 2 / (e^2x + 1) */
export function emitTanh(asm: Assembler, { x, n, result }: ExpRegisters): void {
  asm.vaddps(x, x, x);
  emitExp(asm, { x, n, result });
  asm.vaddps(result, result, floatConstant(asm, 1));
  asm.vmovups(n, floatConstant(asm, 2));
  asm.vdivps(result, n, result);
  asm.vmovups(n, floatConstant(asm, 1));
  asm.vsubps(result, n, result);
}
