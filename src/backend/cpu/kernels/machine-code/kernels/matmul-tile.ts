/**
 * @module One tile: 8 or 16 rows × 1 to 8 tokens over all groups. `tile-shape.ts` says which.
 *
 *   for each group of 32 columns:
 *     dot = Σ q_w · q_x                        exact, in integers
 *     acc ← fma(ws · xs, dot, acc)
 *     acc ← fma(wmin, xs · Σq_x, acc)          q4 only
 *
 * One vector of weights holds 4 consecutive columns k of 8 rows. The 4 activations of one token at those k are one
 * 32-bit number, which is repeated in every lane, and each lane sums its own row. Lanes are never added to each other:
 *
 *             lane 0           lane 1                 lane 7
 *   w      ┌ row 0, k … k+3 ┬ row 1, k … k+3 ┬ ┄ ┬ row 7, k … k+3 ┐
 *   x      │ x[k … k+3]     │ x[k … k+3]     │ ┄ │ x[k … k+3]     │   one token
 *   dot   += 4 products     │ 4 products     │ ┄ │ 4 products     │
 *
 * Rows 8 to 15 are the next row pack, which lies rowPackStride further: lanes 8 to 15 of 512 bits, or a vector of their own.
 *
 * Limit: the two multipliers, which bytes, 16-bit numbers and floats share. A group has these instructions for them:
 *
 *   AVX2   q4, 16 rows × 4 tokens    64 of bytes, 32 to scale                 =  96 in 48 cycles, measured 60
 *          q8, 8 rows × 8 tokens     64 of bytes, 64 to widen, 33 to scale    = 161 in 81 cycles, measured 98
 *   VNNI   q4, 16 rows × 8 tokens    64 of bytes + 8·3 to scale, of 512 bits  =  88 in 88 cycles, measured 91
 *          q8, 16 rows × 8 tokens    64 of bytes + 8·2                        =  80 in 80 cycles, measured 83
 *
 * (AVX2 q4 on Zen 3; the others on Zen 4, where 512 bits use both multipliers.) AVX2 loses cycles of the multipliers to additions,
 * which any of four pipes may do: even from registers, a product with its addition takes 0.65 cycles.
 */
import { invariant } from "../../../../../core/errors.ts";
import { groupWidth } from "../../../../../core/weight-storage.ts";
import { rowPackBytes } from "../../../footprint/weight-layout.ts";
import { quantizedBytes, tokensPerPack } from "../../../footprint/workspace-layout.ts";
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
import { type ByteDot, byteDot, byteDotNeeds, productsOf, type Spares } from "./byte-dot.ts";
import { countUp } from "./frame.ts";
import { type TileShape, vectorBitsOf, vectorsOfRows } from "./tile-shape.ts";

/** The pointers at the beginning of a tile. */
export interface TileRegisters {
  /** The row pack's first group, and the distance to the next row pack. */
  readonly weights: GeneralRegister;
  readonly rowPackStride: GeneralRegister;
  /** The tile's first token pack, and the distance to the next token pack. */
  readonly input: GeneralRegister;
  readonly tokenPackStride: GeneralRegister;
}

const maxTokens = 2 * tokensPerPack;
/** At rsp: the finished sums, the tile's rows of each token; then one 32-bit number per token. */
const rowPackSumsBytes = 32;
const stackPerToken = (token: number): Memory => at(rsp, maxTokens * 64 + 4 * token);
export const tileScratchBytes = maxTokens * 64 + maxTokens * 4;

const groupBytes = { q4: rowPackBytes("q4", groupWidth), q8: rowPackBytes("q8", groupWidth) } as const;
const tokenPackGroupBytes = quantizedBytes(tokensPerPack, groupWidth);
const vectorBytes = 32;
const tokenPackVectorBytes = 16;
/** Offsets in a group of weights (footprint/weight-layout.ts) and in a group of a token pack (workspace-layout.ts). */
const weightParts = { scales: 0, q4Mins: 16, q4Data: 32, q8Data: 16 } as const;
const tokenPackParts = { scales: 128, sums: 144 } as const;
const cacheLineBytes = 64;
/** Prefetch distance for a single row pack. */
const bytesAhead = 4096;

const w = rax;
const x = r9;
const xEnd = r10;
/** The address that is prefetched; with four row packs, that of the last one. */
const ahead = r15;

/** Emits the tile; its sums end up in `stackSums`. */
export function emitTile(asm: Assembler, walk: TileRegisters, shape: TileShape): void {
  const tile = new Tile(asm, walk, shape);
  tile.zeroSums();
  asm.mov(w, walk.weights);
  asm.mov(x, walk.input);
  if (shape.numRowPacks > 1) asm.lea(ahead, at(walk.weights, 0, walk.rowPackStride, 2));
  if (shape.numRowPacks === 4) asm.add(ahead, walk.rowPackStride);
  asm.lea(xEnd, at(walk.input, 0, walk.tokenPackStride));
  countUp(asm, x, tokenPackGroupBytes, xEnd, () => {
    tile.prefetch();
    tile.prepareTokens();
    tile.integerDots();
    tile.scaleAndAdd();
    asm.add(w, groupBytes[shape.storage]);
    if (shape.numRowPacks === 4) asm.add(ahead, groupBytes[shape.storage]);
  });
  tile.storeSums();
}

/** One vector of the tile's rows: the place of its weights, and its registers. */
interface Rows {
  /** 0; 1 to 3 where more row packs have their own vectors. */
  readonly rowPack: number;
  /** Weights of two k-vectors while multiplying; the group's scales and minima while scaling. */
  readonly first: VectorRegister;
  readonly second: VectorRegister;
  /** Integer sums of the group, per token. */
  readonly dots: readonly VectorRegister[];
  /** Float sums of each token; null where registers do not suffice and they are on the stack. */
  readonly sums: readonly VectorRegister[] | null;
}

/** The registers of a tile, and the steps of one group. */
class Tile {
  readonly #asm: Assembler;
  readonly #shape: TileShape;
  readonly #rowPackStride: GeneralRegister;
  readonly #tokenPackStride: GeneralRegister;
  readonly #tokens: readonly number[];
  readonly #rows: readonly Rows[];
  readonly #spare: VectorRegister;
  /** A spare register for each vector of rows; the last one is `#spare`. */
  readonly #products: readonly VectorRegister[];
  readonly #nibbleMask: VectorRegister | Memory;
  readonly #byteDot: ByteDot;

  constructor(asm: Assembler, walk: TileRegisters, shape: TileShape) {
    const { numTokens, target } = shape;
    const bits = vectorBitsOf(shape);
    this.#asm = asm;
    this.#shape = shape;
    this.#rowPackStride = walk.rowPackStride;
    this.#tokenPackStride = walk.tokenPackStride;
    this.#tokens = [...Array(numTokens).keys()];
    const vectors = [...Array(vectorsOfRows(shape)).keys()];
    let numTaken = 0;
    const take = (): VectorRegister => ({ kind: "vector", index: numTaken++, bits });
    const { numSpares, keepsOne } = byteDotNeeds(shape);
    const weights = vectors.map(() => ({ first: take(), second: take() }));
    this.#spare = take();
    const spares: Spares = [this.#spare, ...Array.from({ length: numSpares - 1 }, take)];
    this.#products = productsOf(spares, vectors.length);
    const dots = vectors.map(() => this.#tokens.map(take));
    const kept = keepsOne ? take() : null;
    const sumsFit = numTaken + vectors.length * numTokens <= target.numVectorRegisters;
    this.#rows = weights.map((registers, rowPack) => ({
      ...registers,
      rowPack,
      dots: dots[rowPack] ?? [],
      sums: sumsFit ? this.#tokens.map(take) : null,
    }));
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
    for (const rows of this.#rows)
      for (const token of this.#tokens) {
        this.#zero(rows.sums?.[token] ?? this.#spare);
        if (rows.sums === null) this.#asm.vmovupsStore(this.#stackSums(rows, token), this.#spare);
      }
  }

  #zero(sum: VectorRegister): void {
    if (this.#shape.target.numVectorRegisters === 32) this.#asm.vpxord(sum, sum, sum);
    else this.#asm.vpxor(sum, sum, sum);
  }

  /**
   * Prefetches weights.
   *
   *   two row packs   the second begins where the first ends, so the processor detects no stream: the next two are prefetched
   *                   from their beginning, at twice the pace
   *   one row pack    the processor prefetches this stream itself, but not far enough on Zen 3: prefetching a page ahead gives a
   *                   tenth more from memory and up to half more from the last-level cache (no difference on Zen 4, 512 bits)
   *   four            the processor prefetches the four separate streams itself
   */
  prefetch(): void {
    const { numRowPacks, storage, target } = this.#shape;
    if (numRowPacks === 4) return;
    if (numRowPacks === 1 && target.vectorBits === 512) return;
    const numBytes = numRowPacks * groupBytes[storage];
    const [from, disp] = numRowPacks === 2 ? [ahead, 0] : [w, bytesAhead];
    for (let line = 0; line < numBytes; line += cacheLineBytes) this.#asm.prefetcht0(at(from, disp + line));
    if (numRowPacks === 2) this.#asm.add(ahead, numBytes);
  }

  /** A number of each token that all rows use: the correction of `byteDot`, or xs · Σq_x. */
  prepareTokens(): void {
    const asm = this.#asm;
    const four = resized(this.#spare, 128);
    for (const token of this.#tokens.filter((t) => t % tokensPerPack === 0)) {
      asm.vmovups(four, this.#tokenPack(token, tokenPackParts.sums));
      if (this.#shape.storage === "q4") asm.vmulps(four, four, this.#tokenPack(token, tokenPackParts.scales));
      else if (!this.#byteDot.correctionFromSums(four)) continue;
      asm.vmovupsStore(stackPerToken(token), four);
    }
  }

  integerDots(): void {
    const numVectors = this.#shape.storage === "q4" ? 4 : 8;
    for (const { dots } of this.#rows) for (const dot of dots) this.#byteDot.start(dot);
    for (let vector = 0; vector < numVectors; vector++)
      if (this.#shape.storage === "q4") this.#multiplyNibbles(vector);
      else this.#multiplyBytes(vector);
    this.#byteDot.finishGroup();
  }

  #multiplyNibbles(vector: number): void {
    const asm = this.#asm;
    for (const rows of this.#rows) {
      const { first, second } = rows;
      this.#loadRows(second, rows, weightParts.q4Data + vector * vectorBytes);
      this.#and(first, second);
      asm.vpsrlw(second, second, 4);
      this.#and(second, second);
    }
    this.#multiply("first", 2 * vector);
    this.#multiply("second", 2 * vector + 1);
  }

  #multiplyBytes(vector: number): void {
    for (const rows of this.#rows) {
      this.#loadRows(rows.first, rows, weightParts.q8Data + vector * vectorBytes);
      this.#byteDot.prepareSigned(rows.first, rows.second, vector === 0);
    }
    this.#multiply("first", vector);
  }

  /** Weights of 4 columns k = 4·kVector … of all rows × those of every token. */
  #multiply(which: "first" | "second", kVector: number): void {
    const rows = this.#rows.map((one) => ({ weights: one[which], second: one.second, dots: one.dots }));
    const fours = this.#tokens.map((token) =>
      this.#tokenPack(token, kVector * tokenPackVectorBytes + 4 * (token % tokensPerPack)),
    );
    this.#byteDot.multiply(rows, fours, kVector === 0);
  }

  scaleAndAdd(): void {
    const { storage } = this.#shape;
    for (const rows of this.#rows) {
      this.#loadHalves(rows.first, rows, weightParts.scales);
      if (storage === "q4") this.#loadHalves(rows.second, rows, weightParts.q4Mins);
    }
    for (const token of this.#tokens) {
      for (const rows of this.#rows) this.#byteDot.toFloat(this.#dot(rows, token), stackPerToken(token));
      this.#multiplyScales(token);
      for (const [i, rows] of this.#rows.entries()) this.#addScaled(rows, token, this.#products[i]);
      if (storage === "q4") this.#addMins(token);
      for (const rows of this.#rows)
        if (rows.sums === null) this.#asm.vmovupsStore(this.#stackSums(rows, token), this.#sum(rows, token));
    }
  }

  storeSums(): void {
    for (const rows of this.#rows)
      for (const [token, sum] of rows.sums?.entries() ?? [])
        this.#asm.vmovupsStore(this.#stackSums(rows, token), sum);
  }

  #dot({ dots }: Rows, token: number): VectorRegister {
    const dot = dots[token];
    invariant(dot !== undefined, () => `token ${token} of a tile of ${dots.length}`);
    return dot;
  }

  /** The register of a token's float sum; where sums are on the stack, that of its integer sum. */
  #sum(rows: Rows, token: number): VectorRegister {
    return rows.sums?.[token] ?? this.#dot(rows, token);
  }

  #stackSums({ rowPack }: Rows, token: number): Memory {
    return at(rsp, (token * this.#shape.numRowPacks + rowPack) * rowPackSumsBytes);
  }

  /** A place in the current group of the token's token pack. */
  #tokenPack(token: number, disp: number): Memory {
    return token < tokensPerPack ? at(x, disp) : at(x, disp, this.#tokenPackStride);
  }

  /** A place in the current group of the rows' row pack. */
  #weights({ rowPack }: Rows, disp: number): Memory {
    if (rowPack === 0) return at(w, disp);
    return rowPack === 3 ? at(ahead, disp) : at(w, disp, this.#rowPackStride, rowPack === 2 ? 2 : 1);
  }

  #and(to: VectorRegister, from: VectorRegister): void {
    if (this.#shape.target.numVectorRegisters === 32) this.#asm.vpandd(to, from, this.#nibbleMask);
    else this.#asm.vpand(to, from, this.#nibbleMask);
  }

  /** 32 bytes of the row pack, and with 512 bits the same of the next row pack in the upper half. */
  #loadRows(to: VectorRegister, rows: Rows, disp: number): void {
    this.#asm.vmovups(resized(to, 256), this.#weights(rows, disp));
    if (to.bits === 512) this.#asm.vinserti64x4(to, to, at(w, disp, this.#rowPackStride), 1);
  }

  /** f16 numbers of the row pack's 8 rows (and with 512 bits the next row pack's) as f32. */
  #loadHalves(to: VectorRegister, rows: Rows, disp: number): void {
    const asm = this.#asm;
    if (to.bits === 256) {
      asm.vcvtph2ps(to, this.#weights(rows, disp));
      return;
    }
    asm.vmovups(xmm(to.index), at(w, disp));
    asm.vinserti128(resized(to, 256), resized(to, 256), at(w, disp, this.#rowPackStride), 1);
    asm.vcvtph2ps(to, resized(to, 256));
    invariant(to.index < 16, () => "vinserti128 reaches registers 0 to 15");
  }

  /** products ← ws · xs of the token */
  #multiplyScales(token: number): void {
    const asm = this.#asm;
    const scale = this.#tokenPack(token, tokenPackParts.scales + 4 * (token % tokensPerPack));
    const repeats = this.#shape.target.numVectorRegisters === 16;
    if (repeats) asm.vbroadcastss(this.#spare, scale);
    for (const [i, { first: scales }] of this.#rows.entries()) {
      const to = this.#products[i] ?? this.#spare;
      if (repeats) asm.vmulps(to, this.#spare, scales);
      else asm.vmulps(to, scales, broadcast(scale));
    }
  }

  /** The token's sum += dot · factor; overwrites `factor` where multiply-adds are not fused. */
  #addScaled(rows: Rows, token: number, factor: VectorRegister = this.#spare): void {
    const asm = this.#asm;
    const dot = this.#dot(rows, token);
    if (rows.sums !== null) this.#multiplyAdd(this.#sum(rows, token), dot, factor, factor);
    else if (this.#shape.target.fused) asm.vfmadd213ps(dot, factor, this.#stackSums(rows, token));
    else {
      asm.vmulps(dot, dot, factor);
      asm.vaddps(dot, dot, this.#stackSums(rows, token));
    }
  }

  /** The token's sums += wmin · (xs · Σq_x) */
  #addMins(token: number): void {
    const asm = this.#asm;
    const { target } = this.#shape;
    const product = stackPerToken(token);
    const readsMemory = target.numVectorRegisters === 32 && target.fused;
    if (!readsMemory) asm.vbroadcastss(this.#spare, product);
    for (const [i, rows] of this.#rows.entries()) {
      const sum = this.#sum(rows, token);
      if (readsMemory) asm.vfmadd231ps(sum, rows.second, broadcast(product));
      else this.#multiplyAdd(sum, rows.second, this.#spare, this.#products[i] ?? this.#spare);
    }
  }

  /** sum += a · b; `scratch` may be b, and is used where the two are not fused. */
  #multiplyAdd(sum: VectorRegister, a: VectorRegister, b: VectorRegister, scratch: VectorRegister): void {
    if (this.#shape.target.fused) {
      this.#asm.vfmadd231ps(sum, a, b);
      return;
    }
    this.#asm.vmulps(scratch, a, b);
    this.#asm.vaddps(sum, sum, scratch);
  }
}
