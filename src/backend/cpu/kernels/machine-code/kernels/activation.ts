/**
 * @module The gates of a feed-forward layer: silu(x) = x · σ(x), and gelu(x) ≈ x · σ(1.5958 · x(1 + 0.044715 x²)).
 *
 * ½(1 + tanh u) is σ(2u), so the usual form of gelu, x · ½(1 + tanh(√(2/π)(x + 0.044715 x³))), is the same.
 */
import type { Assembler } from "../assembler/assembler.ts";
import type { VectorRegister } from "../assembler/operands.ts";
import { type ExpRegisters, emitSigmoid, floatConstant } from "./exponential.ts";

export type Activation = "silu" | "geluTanh";
const cubicShare = 0.044715;
const twiceRootTwoOverPi = 1.5957691216057308;

/** value ← activation(value), 8 lanes. */
export function emitActivation(
  asm: Assembler,
  activation: Activation,
  value: VectorRegister,
  registers: ExpRegisters,
): void {
  const { x, result } = registers;
  if (activation === "silu") asm.vmovups(x, value);
  else {
    asm.vmulps(x, value, value);
    asm.vmovups(result, floatConstant(asm, cubicShare));
    asm.vfmadd213ps(x, result, floatConstant(asm, 1));
    asm.vmulps(x, value, x);
    asm.vmulps(x, x, floatConstant(asm, twiceRootTwoOverPi));
  }
  emitSigmoid(asm, registers);
  asm.vmulps(value, value, result);
}
