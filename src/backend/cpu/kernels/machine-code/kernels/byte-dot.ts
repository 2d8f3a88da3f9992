/**
 * @module Five ways to sum products of bytes, exactly.
 *
 *            AVX2                                            VNNI
 *   q4   x repeated; w·x in pairs → i16; added in i16;   one instruction adds 4 products a lane to i32
 *        pairs of i16 → i32 once per group
 *   q8   |w| · (x with w's sign) in pairs → i16;         the same on w + 128, which has no sign; −128·Σx is added
 *        pairs of i16 → i32; added in i32                at the end (at the start, all products would wait for it)
 *
 * The multiply-add of bytes has an unsigned first operand and a signed second one. Giving x the sign of w takes an instruction of
 * the multipliers, which are busy. From three tokens on, x is complemented instead where w < 0:
 *
 *   ~x = −x − 1, so where w < 0      |w| · ~x = w·x + w      and Σ w over w < 0, one sum for all tokens, is subtracted
 *
 *   q4, i16: 16 products of at most 15·127 = 30,480 < 32,768          (quantizing gives |x| ≤ 127)
 *   q8, i16:  2 products of at most 128·127 = 32,512 < 32,768         (~127 = −128: down to −32,768, which fits too)
 */
import { invariant } from "../../../../../core/errors.ts";
import type { Assembler } from "../assembler/assembler.ts";
import { at, broadcast, type Memory, type VectorRegister } from "../assembler/operands.ts";
import { type TileShape, vectorsOfRows } from "./tile-shape.ts";

/** The same bytes in every part of a vector: in a register if one is free, else in memory. */
export type MakeConstant = (bytes: readonly number[]) => VectorRegister | Memory;

/** One vector of rows: its weights of the current columns, and its sum of each token. */
export interface RowsOperands {
  readonly weights: VectorRegister;
  /** Kept by `prepareSigned`. */
  readonly second: VectorRegister;
  readonly dots: readonly VectorRegister[];
}

export interface ByteDot {
  /** Turns Σq_x of four tokens into corrections of their sums, in f32. @returns false if no correction is needed */
  correctionFromSums(sums: VectorRegister): boolean;
  /** Before a group's first products. */
  start(dot: VectorRegister): void;
  /**
   * Converts signed weights for the instruction, once for all tokens; `second` may keep a value for `multiply`.
   * @param isFirst true for the first weights of a group
   */
  prepareSigned(weights: VectorRegister, second: VectorRegister, isFirst: boolean): void;
  /** For each vector of rows and each token: dot += weights · the four bytes in `fours`, in each lane. */
  multiply(rows: readonly RowsOperands[], fours: readonly Memory[], isFirst: boolean): void;
  /** After a group's last products, before its sums are used. */
  finishGroup(): void;
  /** The finished sum as f32 (exact: below 2^24); `correction` holds the result of `correctionFromSums`. */
  toFloat(dot: VectorRegister, correction: Memory): void;
}

export type Spares = readonly [VectorRegister, ...VectorRegister[]];

export interface ByteDotRegisters {
  /** May be overwritten between any two calls. */
  readonly spares: Spares;
  /** A register of its own, if it needs one. */
  readonly kept: VectorRegister | null;
}

/** From this many tokens on, complements take less work than signs: their correction is computed once for all tokens. */
const leastForComplements = 3;

function takesComplements({ storage, target, numTokens }: TileShape): boolean {
  return target.byteDot === "maddubs" && storage === "q8" && numTokens >= leastForComplements;
}

/** The registers that `byteDot` works with. */
export function byteDotNeeds(shape: TileShape): { readonly numSpares: number; readonly keepsOne: boolean } {
  if (takesComplements(shape)) return { numSpares: 4, keepsOne: true };
  return { numSpares: vectorsOfRows(shape), keepsOne: false };
}

/**
 * Registers for the results from `spares[0]` and each vector of rows: other spares, and for the last result the first spare, which
 * is free by then.
 */
export function productsOf(spares: Spares, numVectors: number): VectorRegister[] {
  return Array.from({ length: numVectors }, (_, i) => spares[i + 1 < numVectors ? i + 1 : 0] ?? spares[0]);
}

export function byteDot(
  asm: Assembler,
  shape: TileShape,
  { spares, kept }: ByteDotRegisters,
  constant: MakeConstant,
): ByteDot {
  const { storage, target } = shape;
  const [spare] = spares;
  if (target.byteDot !== "maddubs") return dotByVnni(asm, storage, target.byteDot, spare, constant);
  if (storage === "q4") return nibblesByAvx2(asm, spares, constant);
  if (!takesComplements(shape)) return bytesBySigns(asm, spare, constant);
  invariant(kept !== null, () => "complements need a register for the sum over negative weights");
  return bytesByComplements(asm, spares, kept, constant);
}

const nothing = (): void => undefined;

/** The entry of a list for a token or a vector of rows. */
function ofList<T>(list: readonly T[], index: number): T {
  const found = list[index];
  invariant(found !== undefined, () => `place ${index} of ${list.length}`);
  return found;
}

const oneAsInt16 = [1, 0];

function nibblesByAvx2(asm: Assembler, spares: Spares, constant: MakeConstant): ByteDot {
  const ones = constant(oneAsInt16);
  const [four] = spares;
  return {
    correctionFromSums: () => false,
    start: nothing,
    prepareSigned: nothing,
    multiply(rows, fours, isFirst) {
      const products = productsOf(spares, rows.length);
      for (const [token, memory] of fours.entries()) {
        asm.vpbroadcastd(four, memory);
        const sums = rows.map(({ weights, dots }, i) => ({
          weights,
          dot: ofList(dots, token),
          product: ofList(products, i),
        }));
        for (const { weights, dot, product } of sums) asm.vpmaddubsw(isFirst ? dot : product, weights, four);
        if (!isFirst) for (const { dot, product } of sums) asm.vpaddw(dot, dot, product);
      }
    },
    finishGroup: nothing,
    toFloat(dot) {
      asm.vpmaddwd(dot, dot, ones);
      asm.vcvtdq2ps(dot, dot);
    },
  };
}

function bytesBySigns(asm: Assembler, spare: VectorRegister, constant: MakeConstant): ByteDot {
  const ones = constant(oneAsInt16);
  return {
    correctionFromSums: () => false,
    start: nothing,
    prepareSigned: (weights, second) => asm.vpabsb(second, weights),
    multiply(rows, fours, isFirst) {
      for (const { weights, second: magnitudes, dots } of rows)
        for (const [token, dot] of dots.entries()) {
          asm.vpbroadcastd(spare, ofList(fours, token));
          asm.vpsignb(spare, spare, weights);
          asm.vpmaddubsw(spare, magnitudes, spare);
          asm.vpmaddwd(isFirst ? dot : spare, spare, ones);
          if (!isFirst) asm.vpaddd(dot, dot, spare);
        }
    },
    finishGroup: nothing,
    toFloat: (dot) => asm.vcvtdq2ps(dot, dot),
  };
}

/** Interleaves as many tokens as there are spare registers: 3 % faster than one token after another. */
function bytesByComplements(
  asm: Assembler,
  spares: Spares,
  negatives: VectorRegister,
  constant: MakeConstant,
): ByteDot {
  const ones = constant(oneAsInt16);
  const [spare] = spares;
  return {
    correctionFromSums: () => false,
    start: nothing,
    prepareSigned(weights, isNegative, isFirst) {
      asm.vpxor(isNegative, isNegative, isNegative);
      asm.vpcmpgtb(isNegative, isNegative, weights); // −1 or 0
      asm.vpabsb(weights, weights);
      asm.vpmaddubsw(isFirst ? negatives : spare, weights, isNegative);
      if (!isFirst) asm.vpaddw(negatives, negatives, spare);
    },
    multiply(rows, fours, isFirst) {
      for (const { weights: magnitudes, second: isNegative, dots } of rows)
        for (let from = 0; from < dots.length; from += spares.length) {
          const some = spares.flatMap((x, i) => {
            const dot = dots[from + i];
            return dot === undefined ? [] : [{ x, dot, four: ofList(fours, from + i) }];
          });
          for (const { x, four } of some) {
            asm.vpbroadcastd(x, four);
            asm.vpxor(x, x, isNegative);
          }
          for (const { x } of some) asm.vpmaddubsw(x, magnitudes, x);
          for (const { x, dot } of some) asm.vpmaddwd(isFirst ? dot : x, x, ones);
          if (!isFirst) for (const { x, dot } of some) asm.vpaddd(dot, dot, x);
        }
    },
    finishGroup: () => asm.vpmaddwd(negatives, negatives, ones),
    toFloat(dot) {
      asm.vpsubd(dot, dot, negatives);
      asm.vcvtdq2ps(dot, dot);
    },
  };
}

function dotByVnni(
  asm: Assembler,
  storage: TileShape["storage"],
  encoding: "dpbusd-vex" | "dpbusd-evex",
  spare: VectorRegister,
  constant: MakeConstant,
): ByteDot {
  const isEvex = encoding === "dpbusd-evex";
  const signBits = storage === "q8" ? constant([0x80]) : spare;
  return {
    correctionFromSums(sums) {
      if (storage === "q4") return false;
      const factors = Float32Array.of(-128, -128, -128, -128);
      asm.vmulps(sums, sums, at(asm.constant(new Uint8Array(factors.buffer))));
      return true;
    },
    start(dot) {
      if (isEvex) asm.vpxord(dot, dot, dot);
      else asm.vpxor(dot, dot, dot);
    },
    prepareSigned(weights) {
      if (isEvex) asm.vpxord(weights, weights, signBits);
      else asm.vpxor(weights, weights, signBits);
    },
    multiply(rows, fours) {
      for (const { weights, dots } of rows)
        for (const [token, dot] of dots.entries()) {
          const four = ofList(fours, token);
          if (isEvex) asm.vpdpbusd(dot, weights, broadcast(four));
          else {
            asm.vpbroadcastd(spare, four);
            asm.vpdpbusdVex(dot, weights, spare);
          }
        }
    },
    finishGroup: nothing,
    toFloat(dot, correction) {
      asm.vcvtdq2ps(dot, dot);
      if (storage === "q4") return;
      if (isEvex) asm.vaddps(dot, dot, broadcast(correction));
      else {
        asm.vbroadcastss(spare, correction);
        asm.vaddps(dot, dot, spare);
      }
    },
  };
}
