/**
 * @module The operands of instructions: registers and memory. Plain data; the encoders turn them into bytes.
 */
import { invariant } from "../../../../../core/errors.ts";
import type { Label } from "./code.ts";

/** A 64-bit or 32-bit integer register. */
export interface GeneralRegister {
  readonly kind: "general";
  readonly index: number;
  readonly bits: 64 | 32;
}

/** xmm (128), ymm (256) or zmm (512); indices 16 to 31 exist in AVX-512 only. */
export interface VectorRegister {
  readonly kind: "vector";
  readonly index: number;
  readonly bits: 128 | 256 | 512;
}

/** base + index·scale + disp, or a label in the same code (disp bytes past it). */
export interface Memory {
  readonly kind: "memory";
  readonly base: GeneralRegister | Label;
  readonly index: GeneralRegister | null;
  readonly scale: 1 | 2 | 4 | 8;
  readonly disp: number;
  /** One 32-bit number is read and repeated in every lane (AVX-512 embedded broadcast). */
  readonly broadcast: boolean;
}

export type Operand = GeneralRegister | VectorRegister | Memory;

const general = (index: number, bits: 64 | 32 = 64): GeneralRegister => ({ kind: "general", index, bits });

export const rax = general(0);
export const rcx = general(1);
export const rdx = general(2);
export const rbx = general(3);
export const rsp = general(4);
export const rbp = general(5);
export const rsi = general(6);
export const rdi = general(7);
export const r8 = general(8);
export const r9 = general(9);
export const r10 = general(10);
export const r11 = general(11);
export const r12 = general(12);
export const r13 = general(13);
export const r14 = general(14);
export const r15 = general(15);

/** The low half of an integer register; writing it clears the upper half. */
export const low32 = (register: GeneralRegister): GeneralRegister => general(register.index, 32);

export const xmm = (index: number): VectorRegister => vector(index, 128);
export const ymm = (index: number): VectorRegister => vector(index, 256);
export const zmm = (index: number): VectorRegister => vector(index, 512);

/** The register with the same number at another width. */
export const resized = (register: VectorRegister, bits: VectorRegister["bits"]): VectorRegister =>
  vector(register.index, bits);

/** `at(rsi, 32)` = [rsi + 32]; `at(rsi, 32, rcx, 4)` = [rsi + rcx·4 + 32]. */
export function at(
  base: GeneralRegister | Label,
  disp = 0,
  index: GeneralRegister | null = null,
  scale: 1 | 2 | 4 | 8 = 1,
): Memory {
  invariant(index?.index !== rsp.index, () => "rsp cannot be an index register");
  return { kind: "memory", base, index, scale, disp, broadcast: false };
}

/** The 32-bit number at `memory`, in every lane. */
export const broadcast = (memory: Memory): Memory => ({ ...memory, broadcast: true });

function vector(index: number, bits: VectorRegister["bits"]): VectorRegister {
  invariant(index >= 0 && index < 32, () => `vector register ${index} of 32`);
  return { kind: "vector", index, bits };
}
