/**
 * @module One tile: 8 or 16 rows × 1 to 8 tokens over all groups.
 *
 *   for each group of 32 columns:
 *     dot = Σ q_w · q_x                        exact, in integers
 *     acc ← fma(ws · xs, dot, acc)
 *     acc ← fma(wmin, xs · Σq_x, acc)          q4 only
 *
 * One vector of weights holds 4 consecutive columns k of 8 rows. The 4 activations of one token at those k are one
 * 32-bit number, so it is repeated in every lane, and each lane sums its own row. Nothing is ever added across lanes:
 *
 *             lane 0           lane 1                 lane 7
 *   w      ┌ row 0, k … k+3 ┬ row 1, k … k+3 ┬ ┄ ┬ row 7, k … k+3 ┐
 *   x      │ x[k … k+3]     │ x[k … k+3]     │ ┄ │ x[k … k+3]     │   one token
 *   dot   += 4 products     │ 4 products     │ ┄ │ 4 products     │
 *
 * With 512-bit vectors lanes 8 to 15 are the next octet, which lies octetStride further.
 *
 * Bound: the two multipliers, which bytes, 16-bit numbers and floats share. A group of 8 tokens has on them
 *
 *   AVX2, 8 rows     q4   64 of bytes + 8·4 to scale                  =  96 in 48 cycles, in fact 63
 *                    q8   64 of bytes, 64 to widen, 17 + 8·2          = 161 in 81 cycles, in fact 98
 *   VNNI, 16 rows    q4   64 of bytes + 8·3 to scale, of 512 bits     =  88 in 88 cycles, in fact 91
 *                    q8   64 of bytes + 8·2                           =  80 in 80 cycles, in fact 83
 *
 * (Zen 4, where 512 bits take both.) What AVX2 lacks are turns at the multipliers that additions take, which any of
 * four pipes may do: 64 products each with its addition need 40 cycles instead of 32, even from registers.
 */
import { invariant } from "../../../../core/errors.ts";
import { groupWidth, octetBytes, type WeightStorage } from "../../../../core/weight-layout.ts";
import { quantizedBytes, tokensPerQuad } from "../../../../core/workspace-layout.ts";
import type { Assembler } from "../assembler/assembler.ts";
import {
  at,
  broadcast,
  type GeneralRegister,
  type Memory,
  r9,
  r10,
  r15,
  rax,
  resized,
  rsp,
  type VectorRegister,
  xmm,
} from "../assembler/operands.ts";
import type { Target } from "../targets.ts";
import { type ByteDot, byteDot, byteDotNeeds, type Spares } from "./byte-dot.ts";
import { countUp } from "./frame.ts";

export type QuantizedStorage = Extract<WeightStorage, "q4" | "q8">;

/** Where a tile begins. */
export interface TileRegisters {
  /** The octet's first group, and how far the next octet is. */
  readonly weights: GeneralRegister;
  readonly octetStride: GeneralRegister;
  /** The tile's first quad, and how far the next quad is. */
  readonly input: GeneralRegister;
  readonly quadStride: GeneralRegister;
}

/** All that a tile's code depends on. */
export interface TileShape {
  readonly storage: QuantizedStorage;
  readonly target: Target;
  readonly bits: 256 | 512;
  readonly numTokens: number;
}

const maxTokens = 2 * tokensPerQuad;
/** At rsp: the finished sums, one vector per token; then one 32-bit number per token. */
const stackSums = (bits: 256 | 512, token: number): Memory => at(rsp, (token * bits) / 8);
const stackPerToken = (token: number): Memory => at(rsp, maxTokens * 64 + 4 * token);
export const tileScratchBytes = maxTokens * 64 + maxTokens * 4;

const groupBytes = { q4: octetBytes("q4", groupWidth), q8: octetBytes("q8", groupWidth) } as const;
const quadGroupBytes = quantizedBytes(tokensPerQuad, groupWidth);
const vectorBytes = 32;
const quadVectorBytes = 16;
/** Where a weight group's parts lie (core/weight-layout.ts), and a quad group's (jobs.ts). */
const weightParts = { scales: 0, q4Mins: 16, q4Data: 32, q8Data: 16 } as const;
const quadParts = { scales: 128, sums: 144 } as const;
const cacheLineBytes = 64;

const w = rax;
const x = r9;
const xEnd = r10;
const ahead = r15;

/** Emits the tile; its sums end up in `stackSums`. */
export function emitTile(asm: Assembler, walk: TileRegisters, shape: TileShape): void {
  const tile = new Tile(asm, walk, shape);
  tile.zeroSums();
  asm.mov(w, walk.weights);
  asm.mov(x, walk.input);
  if (shape.bits === 512) asm.lea(ahead, at(walk.weights, 0, walk.octetStride, 2));
  asm.lea(xEnd, at(walk.input, 0, walk.quadStride));
  countUp(asm, x, quadGroupBytes, xEnd, () => {
    tile.prefetch();
    tile.prepareTokens();
    tile.integerDots();
    tile.scaleAndAdd();
    asm.add(w, groupBytes[shape.storage]);
  });
  tile.storeSums();
}

/** The registers of a tile, and the steps of one group. */
class Tile {
  readonly #asm: Assembler;
  readonly #shape: TileShape;
  readonly #octetStride: GeneralRegister;
  readonly #quadStride: GeneralRegister;
  readonly #tokens: readonly number[];
  /** Weights of two k-vectors while multiplying; the group's scales and minima while scaling. */
  readonly #first: VectorRegister;
  readonly #second: VectorRegister;
  readonly #spare: VectorRegister;
  /** Integer sums of the group, per token. */
  readonly #dots: readonly VectorRegister[];
  /** Float sums, per token; null where they do not fit beside the integers and live in `stackSums`. */
  readonly #sums: readonly VectorRegister[] | null;
  readonly #sumOnStack: VectorRegister;
  readonly #nibbleMask: VectorRegister | Memory;
  readonly #byteDot: ByteDot;

  constructor(asm: Assembler, walk: TileRegisters, shape: TileShape) {
    const { numTokens, bits, target } = shape;
    this.#asm = asm;
    this.#shape = shape;
    this.#octetStride = walk.octetStride;
    this.#quadStride = walk.quadStride;
    this.#tokens = [...Array(numTokens).keys()];
    let numTaken = 0;
    const take = (): VectorRegister => ({ kind: "vector", index: numTaken++, bits });
    const { numSpares, keepsOne } = byteDotNeeds(shape);
    [this.#first, this.#second, this.#spare] = [take(), take(), take()];
    const spares: Spares = [this.#spare, ...Array.from({ length: numSpares - 1 }, take)];
    this.#dots = this.#tokens.map(take);
    const kept = keepsOne ? take() : null;
    const sumsFit = numTaken + numTokens <= target.numVectorRegisters;
    this.#sums = sumsFit ? this.#tokens.map(take) : null;
    this.#sumOnStack = sumsFit ? this.#spare : (spares[1] ?? take());
    const constant = (byteValue: readonly number[]): VectorRegister | Memory => {
      const memory = at(
        asm.constant(Uint8Array.from({ length: bits / 8 }, (_, i) => byteValue[i % byteValue.length] ?? 0)),
      );
      if (numTaken >= target.numVectorRegisters) return memory;
      const register = take();
      asm.vmovups(register, memory);
      return register;
    };
    this.#byteDot = byteDot(asm, shape, { spares, kept }, constant);
    this.#nibbleMask = shape.storage === "q4" ? constant([15]) : this.#spare;
    invariant(numTaken <= target.numVectorRegisters, () => `a tile of ${numTaken} registers`);
  }

  zeroSums(): void {
    for (const token of this.#tokens) this.#zero(this.#sums?.[token] ?? this.#spare, token);
  }

  #zero(sum: VectorRegister, token: number): void {
    const asm = this.#asm;
    if (this.#shape.target.numVectorRegisters === 32) asm.vpxord(sum, sum, sum);
    else asm.vpxor(sum, sum, sum);
    if (this.#sums === null) asm.vmovupsStore(stackSums(this.#shape.bits, token), sum);
  }

  /**
   * One octet is one stream, which the processor predicts by itself. Of two octets at once the second begins where the
   * first ends, so it finds no stream; the next two are asked for, from their beginning at twice the pace.
   */
  prefetch(): void {
    if (this.#shape.bits === 256) return;
    const bytesAtOnce = 2 * groupBytes[this.#shape.storage];
    for (let line = 0; line < bytesAtOnce; line += cacheLineBytes) this.#asm.prefetcht0(at(ahead, line));
    this.#asm.add(ahead, bytesAtOnce);
  }

  /** One number per token that every row needs: `byteDot`'s correction, or xs · Σq_x. */
  prepareTokens(): void {
    const asm = this.#asm;
    const four = resized(this.#spare, 128);
    for (const token of this.#tokens.filter((t) => t % tokensPerQuad === 0)) {
      asm.vmovups(four, this.#quad(token, quadParts.sums));
      if (this.#shape.storage === "q4") asm.vmulps(four, four, this.#quad(token, quadParts.scales));
      else if (!this.#byteDot.correctionFromSums(four)) continue;
      asm.vmovupsStore(stackPerToken(token), four);
    }
  }

  integerDots(): void {
    const asm = this.#asm;
    const numVectors = this.#shape.storage === "q4" ? 4 : 8;
    for (const token of this.#tokens) this.#byteDot.start(this.#dot(token));
    for (let vector = 0; vector < numVectors; vector++) {
      if (this.#shape.storage === "q4") {
        this.#loadRows(this.#second, weightParts.q4Data + vector * vectorBytes);
        this.#and(this.#first, this.#second);
        asm.vpsrlw(this.#second, this.#second, 4);
        this.#and(this.#second, this.#second);
        this.#multiply(this.#first, 2 * vector);
        this.#multiply(this.#second, 2 * vector + 1);
      } else {
        this.#loadRows(this.#first, weightParts.q8Data + vector * vectorBytes);
        this.#byteDot.prepareSigned(this.#first, this.#second, vector === 0);
        this.#multiply(this.#first, vector);
      }
    }
    this.#byteDot.finishGroup();
  }

  /** Weights of 4 columns k = 4·kVector … of all rows × those of every token. */
  #multiply(weights: VectorRegister, kVector: number): void {
    const tokens = this.#tokens.map((token) => ({
      dot: this.#dot(token),
      four: this.#quad(token, kVector * quadVectorBytes + 4 * (token % tokensPerQuad)),
    }));
    this.#byteDot.multiply(tokens, weights, this.#second, kVector === 0);
  }

  scaleAndAdd(): void {
    const asm = this.#asm;
    const { storage } = this.#shape;
    const [scales, mins] = [this.#first, this.#second];
    this.#loadHalves(scales, weightParts.scales);
    if (storage === "q4") this.#loadHalves(mins, weightParts.q4Mins);
    for (const token of this.#tokens) {
      const dot = this.#dot(token);
      const sum = this.#sums?.[token] ?? this.#sumOnStack;
      if (this.#sums === null) asm.vmovups(sum, stackSums(this.#shape.bits, token));
      this.#byteDot.toFloat(dot, stackPerToken(token));
      const factor = this.#times(scales, this.#quad(token, quadParts.scales + 4 * (token % tokensPerQuad)));
      this.#multiplyAdd(sum, dot, factor);
      if (storage === "q4") this.#addMins(sum, mins, stackPerToken(token));
      if (this.#sums === null) asm.vmovupsStore(stackSums(this.#shape.bits, token), sum);
    }
  }

  storeSums(): void {
    for (const [token, sum] of this.#sums?.entries() ?? [])
      this.#asm.vmovupsStore(stackSums(this.#shape.bits, token), sum);
  }

  #dot(token: number): VectorRegister {
    const dot = this.#dots[token];
    invariant(dot !== undefined, () => `token ${token} of a tile of ${this.#dots.length}`);
    return dot;
  }

  /** A place in the current group of the token's quad. */
  #quad(token: number, disp: number): Memory {
    return token < tokensPerQuad ? at(x, disp) : at(x, disp, this.#quadStride);
  }

  #and(to: VectorRegister, from: VectorRegister): void {
    if (this.#shape.target.numVectorRegisters === 32) this.#asm.vpandd(to, from, this.#nibbleMask);
    else this.#asm.vpand(to, from, this.#nibbleMask);
  }

  /** 32 bytes of the octet, and the same of the next octet in the upper half. */
  #loadRows(to: VectorRegister, disp: number): void {
    this.#asm.vmovups(resized(to, 256), at(w, disp));
    if (to.bits === 512) this.#asm.vinserti64x4(to, to, at(w, disp, this.#octetStride), 1);
  }

  /** f16 numbers of the octet's 8 rows (and the next octet's) as f32. */
  #loadHalves(to: VectorRegister, disp: number): void {
    const asm = this.#asm;
    if (to.bits === 256) {
      asm.vcvtph2ps(to, at(w, disp));
      return;
    }
    asm.vmovups(xmm(to.index), at(w, disp));
    asm.vinserti128(resized(to, 256), resized(to, 256), at(w, disp, this.#octetStride), 1);
    asm.vcvtph2ps(to, resized(to, 256));
    invariant(to.index < 16, () => "vinserti128 reaches registers 0 to 15");
  }

  /** vector · number in memory, in `spare`. */
  #times(vector: VectorRegister, number: Memory): VectorRegister {
    const asm = this.#asm;
    if (this.#shape.target.numVectorRegisters === 32) asm.vmulps(this.#spare, vector, broadcast(number));
    else {
      asm.vbroadcastss(this.#spare, number);
      asm.vmulps(this.#spare, this.#spare, vector);
    }
    return this.#spare;
  }

  /** sum += a · b; where unfused, b's register is used up. */
  #multiplyAdd(sum: VectorRegister, a: VectorRegister, b: VectorRegister): void {
    if (this.#shape.target.fused) {
      this.#asm.vfmadd231ps(sum, a, b);
      return;
    }
    this.#asm.vmulps(b, a, b);
    this.#asm.vaddps(sum, sum, b);
  }

  #addMins(sum: VectorRegister, mins: VectorRegister, product: Memory): void {
    const asm = this.#asm;
    if (this.#shape.target.numVectorRegisters === 32 && this.#shape.target.fused) {
      asm.vfmadd231ps(sum, mins, broadcast(product));
      return;
    }
    asm.vbroadcastss(this.#spare, product);
    this.#multiplyAdd(sum, mins, this.#spare);
  }
}
