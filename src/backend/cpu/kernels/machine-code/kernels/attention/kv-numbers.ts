/**
 * @module Reads 16 keys or values from the cache as f32 (core/kv-layout.ts has the layout).
 *
 *   f16    converted by the load                      1 instruction per vector
 *   int8   widened, converted, scale · q + min        4
 *   int4   the same after splitting bytes             6 or 7
 *
 * 16 numbers are one vector of 512 bits, or two of 256. The scales and minima of a quantized tile are converted to f32
 * once, before its numbers are read: 16 scales and then 16 minima for keys, 16 pairs for values.
 */
import type { KvDtype } from "../../../../../../core/kv-layout.ts";
import type { Assembler } from "../../assembler/assembler.ts";
import {
  at,
  type GeneralRegister,
  type Memory,
  resized,
  type VectorRegister,
  xmm,
} from "../../assembler/operands.ts";
import { floatConstant, intConstant } from "../exponential.ts";
import { tileParams } from "./slots.ts";

/** Bytes of 16 numbers: one dimension of a tile's keys, or 16 dimensions of one token's values. */
export const sixteenBytes = { f16: 32, int8: 16, int4: 8 } as const;
/** Bytes of the scales and minima of a tile's keys (= of its values). */
export const paramsBytes = { f16: 0, int8: 64, int4: 64 } as const;

const param = (disp: number): Memory => at(tileParams.base, tileParams.disp + disp);
const further = (from: Memory, numBytes: number): Memory => ({ ...from, disp: from.disp + numBytes });
const minsAt = 64;
/** The bits of an f16, shifted to their place in an f32, are the number times 2^−112; the sign keeps its bit. */
const halfToFloat = 2 ** 112;
const keptBits = 0x8fffffff | 0;

/** Converts the scales and minima of a tile's keys from pairs of f16 at `params` to `tileParams`. */
export function emitKeyParams(asm: Assembler, params: GeneralRegister, spare: VectorRegister): void {
  const bits = resized(spare, 256);
  for (const part of ["scale", "minimum"] as const)
    for (let half = 0; half < 2; half++) {
      asm.vmovups(bits, at(params, 32 * half));
      if (part === "scale") asm.vpslld(bits, bits, 16);
      asm.vpsrad(bits, bits, 16);
      asm.vpslld(bits, bits, 13);
      asm.vpand(bits, bits, intConstant(asm, keptBits));
      asm.vmulps(bits, bits, floatConstant(asm, halfToFloat));
      asm.vmovupsStore(param((part === "scale" ? 0 : minsAt) + 32 * half), bits);
    }
}

/** Converts pairs of f16 at `params` to pairs of f32 in `tileParams`. */
export function emitValueParams(asm: Assembler, params: GeneralRegister, spare: VectorRegister): void {
  const pairs = resized(spare, 256);
  for (let quarter = 0; quarter < 4; quarter++) {
    asm.vcvtph2ps(pairs, at(params, 16 * quarter));
    asm.vmovupsStore(param(32 * quarter), pairs);
  }
}

/** One dimension of 16 tokens' keys. */
export function emitKeys(
  asm: Assembler,
  dtype: KvDtype,
  from: Memory,
  to: readonly VectorRegister[],
  spare: VectorRegister,
): void {
  for (const [i, keys] of to.entries()) {
    if (dtype === "f16") emitHalves(asm, from, keys, i);
    else if (dtype === "int8") emitBytes(asm, from, keys, i);
    else emitKeyNibbles(asm, from, keys, i, spare);
    if (dtype === "f16") continue;
    const disp = (i * keys.bits) / 8;
    asm.vmovups(spare, param(disp));
    asm.vfmadd213ps(keys, spare, param(minsAt + disp));
  }
}

/** The nibbles of int4 values to read: the low ones hold the lower half of a head. */
export type Nibbles = "low" | "high";

/** 16 dimensions of one token's values; `pair` points to the token's scale and minimum. */
export function emitValues(
  asm: Assembler,
  dtype: KvDtype,
  nibbles: Nibbles,
  from: Memory,
  pair: GeneralRegister,
  to: readonly VectorRegister[],
  [scale, minimum]: readonly [VectorRegister, VectorRegister],
): void {
  if (dtype !== "f16") {
    asm.vbroadcastss(scale, at(pair, 0));
    asm.vbroadcastss(minimum, at(pair, 4));
  }
  for (const [i, values] of to.entries()) {
    if (dtype === "f16") emitHalves(asm, from, values, i);
    else if (dtype === "int8") emitBytes(asm, from, values, i);
    else emitValueNibbles(asm, nibbles, from, values, i);
    if (dtype !== "f16") asm.vfmadd213ps(values, scale, minimum);
  }
}

/** The i-th vector of 16 numbers, as f32; quantized ones are not yet scaled. */
function emitHalves(asm: Assembler, from: Memory, to: VectorRegister, i: number): void {
  asm.vcvtph2ps(to, further(from, (i * to.bits) / 16));
}

function emitBytes(asm: Assembler, from: Memory, to: VectorRegister, i: number): void {
  asm.vpmovzxbd(to, further(from, (i * to.bits) / 32));
  asm.vcvtdq2ps(to, to);
}

/** 8 bytes: tokens 0 to 7 in their low nibbles, 8 to 15 in their high ones. */
function emitKeyNibbles(
  asm: Assembler,
  from: Memory,
  to: VectorRegister,
  i: number,
  spare: VectorRegister,
): void {
  const [bytes, high] = [xmm(to.index), xmm(spare.index)];
  asm.vmovq(bytes, from);
  if (to.bits === 512) {
    asm.vpsrlw(high, bytes, 4);
    asm.vpunpcklqdq(bytes, bytes, high);
  } else if (i === 1) asm.vpsrlw(bytes, bytes, 4);
  emitWidenedNibbles(asm, to);
}

/** 16 bytes, all in the same nibble. */
function emitValueNibbles(
  asm: Assembler,
  nibbles: Nibbles,
  from: Memory,
  to: VectorRegister,
  i: number,
): void {
  const bytes = xmm(to.index);
  if (to.bits === 512) asm.vmovups(bytes, from);
  else asm.vmovq(bytes, further(from, 8 * i));
  if (nibbles === "high") asm.vpsrlw(bytes, bytes, 4);
  emitWidenedNibbles(asm, to);
}

/** The low nibbles of the bytes in a vector's lowest part, one per lane, as f32. */
function emitWidenedNibbles(asm: Assembler, to: VectorRegister): void {
  const bytes = xmm(to.index);
  asm.vpand(bytes, bytes, intConstant(asm, 0x0f0f0f0f));
  asm.vpmovzxbd(to, bytes);
  asm.vcvtdq2ps(to, to);
}
