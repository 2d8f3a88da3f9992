/**
 * @module e^x of every lane, with the same operations in the same order as in the WebAssembly kernels, so with the same bits.
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

/** A constant next to the code: the same f32 in every lane. */
export function floatConstant(asm: Assembler, value: number, bits: 128 | 256 | 512 = 256): Memory {
  return at(asm.constant(new Uint8Array(Float32Array.from({ length: bits / 32 }, () => value).buffer)));
}

/** A constant next to the code: the same i32 in every lane. */
export function intConstant(asm: Assembler, value: number, bits: 128 | 256 | 512 = 256): Memory {
  return at(asm.constant(new Uint8Array(Int32Array.from({ length: bits / 32 }, () => value).buffer)));
}

/** The operand for a constant in every lane: memory next to the code, or a register that the kernel reserves for it. */
export interface ExpConstants {
  float(value: number): Memory | VectorRegister;
  int(value: number): Memory | VectorRegister;
}

/** The constants of `emitExp`. */
export const expFloats: readonly number[] = [
  lowest,
  highest,
  Math.LOG2E,
  ln2High,
  ln2Low,
  1 / 5040,
  ...new Set(coefficients),
];

function besideTheCode(asm: Assembler): ExpConstants {
  return {
    float: (value) => floatConstant(asm, value),
    int: (value) => intConstant(asm, value),
  };
}

/** Registers 0 to 15 for 128 or 256 bits. Several vectors are interleaved, so that each constant is loaded once. */
export function emitExp(
  asm: Assembler,
  vectors: ExpRegisters | readonly ExpRegisters[],
  constants: ExpConstants = besideTheCode(asm),
): void {
  const all = "x" in vectors ? [vectors] : vectors;
  const forAll = (
    value: number,
    emit: (v: ExpRegisters, constant: Memory | VectorRegister) => void,
  ): void => {
    const constant = constants.float(value);
    for (const v of all) emit(v, constant);
  };
  forAll(lowest, ({ x }, c) => asm.vmaxps(x, x, c));
  forAll(highest, ({ x }, c) => asm.vminps(x, x, c));
  forAll(Math.LOG2E, ({ x, n }, c) => asm.vmulps(n, x, c));
  for (const { n } of all)
    if (n.bits === 512) asm.vrndscaleps(n, n, nearestEven);
    else asm.vroundps(n, n, nearestEven);
  forAll(ln2High, ({ x, n }, c) => asm.vfmadd231ps(x, n, c));
  forAll(ln2Low, ({ x, n }, c) => asm.vfmadd231ps(x, n, c));
  forAll(1 / 5040, ({ result }, c) => asm.vmovups(result, c));
  for (const coefficient of coefficients)
    forAll(coefficient, ({ x, result }, c) => asm.vfmadd213ps(result, x, c));
  const bias = constants.int(exponentBias);
  for (const { n, result } of all) {
    asm.vcvttps2dq(n, n);
    asm.vpaddd(n, n, bias);
    asm.vpslld(n, n, mantissaBits);
    asm.vmulps(result, result, n);
  }
}

/** result = 1 / (1 + e^(−x)); x is overwritten unless it has a copy elsewhere. */
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
