/**
 * @module The two inner products of attention, for a chunk of query vectors that read the same keys and values.
 *
 *   scores   keys lie [dimension][16 tokens]:   the scores of 16 tokens are a chain over dimensions
 *
 *              for d:  k = keys[d][0 … 16);   for each v:  score[v][0 … 16) ← fma(k, q[v][d], score[v])
 *
 *   values   values lie [token][dimensions]:    16 dimensions are a chain over tokens
 *
 *              for t:  x = values[t][d … d+16);   for each v:  acc[v][d … d+16) ← fma(x, e[v][t], acc[v])
 *
 * The chains of a query vector do not depend on the other vectors of its chunk, and are those of the WebAssembly kernels.
 *
 * Limit with 12 vectors of 512 bits: 12 multiply-adds for each conversion, each reading its factor from memory.
 */

import type { KvDtype } from "../../../../../../core/kv-layout.ts";
import type { Assembler } from "../../assembler/assembler.ts";
import {
  at,
  broadcast,
  type GeneralRegister,
  type Memory,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15,
  rax,
  rbx,
  rcx,
  rdx,
  rsi,
  type VectorRegister,
} from "../../assembler/operands.ts";
import type { Target } from "../../processor/targets.ts";
import {
  emitKeyParams,
  emitKeys,
  emitValueParams,
  emitValues,
  type Nibbles,
  paramsBytes,
  sixteenBytes,
} from "./kv-numbers.ts";
import { load, slot, tileList, tileParams, tilesAhead } from "./slots.ts";

/** Bytes of a row of scores: 512 tokens. */
export const scoreRowBytes = 2048;
const tileBytesOfScores = 64;
const tokensPerTile = 16;
const cacheLineBytes = 64;
/**
 * The tiles of a KV head are not adjacent, so the processor's prefetcher starts again at each. While a tile is used, the same place
 * of a later tile is prefetched.
 */
const ahead = r15;

/** Most query vectors of a chunk: their sums and their factors fill the registers. */
export const maxChunk = (target: Target): number => (target.vectorBits === 512 ? 12 : 6);

const firstSum = 4;

/** The registers of a chunk of `numVectors`, each with sums of `numSixteens` times 16 numbers. */
function chunkRegisters(target: Target, numVectors: number, numSixteens: number) {
  const bits = target.vectorBits;
  const perSixteen = 512 / bits;
  const perVector = perSixteen * numSixteens;
  const register = (index: number): VectorRegister => ({ kind: "vector", index, bits });
  return {
    sums: Array.from({ length: numVectors }, (_, v) =>
      Array.from({ length: perVector }, (_, i) => register(firstSum + v * perVector + i)),
    ),
    numSixteens,
    sixteen: Array.from({ length: perSixteen }, (_, i) => register(i)),
    spares: [register(2), register(3)] as const,
  };
}
type ChunkRegisters = ReturnType<typeof chunkRegisters>;

/** sums[v] ← fma(sixteen, factor[v], sums[v]), for the given one of the sixteens */
function emitMultiplyAdds(
  asm: Assembler,
  target: Target,
  { sums, sixteen, spares }: ChunkRegisters,
  which: number,
  factor: (vector: number) => Memory,
): void {
  for (const [v, sum] of sums.entries()) {
    if (target.numVectorRegisters === 16) asm.vbroadcastss(spares[0], factor(v));
    for (const [i, numbers] of sixteen.entries()) {
      const part = sum[which * sixteen.length + i];
      if (part === undefined) continue;
      if (target.numVectorRegisters === 16) asm.vfmadd231ps(part, numbers, spares[0]);
      else asm.vfmadd231ps(part, numbers, broadcast(factor(v)));
    }
  }
}

function emitZero(asm: Assembler, target: Target, registers: readonly VectorRegister[]): void {
  for (const r of registers)
    if (target.numVectorRegisters === 32) asm.vpxord(r, r, r);
    else asm.vpxor(r, r, r);
}

/** Runs `body` for every tile of the partition, with its address in `tile` and the distance to the prefetched tile in r15. Uses r8, r9. */
function forEachTile(asm: Assembler, tile: GeneralRegister, body: () => void): void {
  const again = asm.label();
  asm.lea(r8, tileList);
  load(asm, r9, "numTiles");
  asm.lea(r9, at(r8, 0, r9, 8));
  asm.bind(again);
  asm.mov(tile, at(r8));
  asm.mov(ahead, at(r8, 8 * tilesAhead));
  asm.sub(ahead, tile);
  body();
  asm.add(r8, 8);
  asm.cmp(r8, r9);
  asm.jump("jb", again);
}

/** Scores of the chunk's vectors for all tiles. rdx = the chunk's queries, rbx = its first row of scores. */
export function emitChunkScores(asm: Assembler, target: Target, dtype: KvDtype, numVectors: number): void {
  const registers = chunkRegisters(target, numVectors, 1);
  const [keys, query, queryEnd] = [rsi, rcx, rax];
  forEachTile(asm, keys, () => {
    if (dtype !== "f16") {
      load(asm, rax, "headDim");
      asm.imulBy(rax, rax, 2 * sixteenBytes[dtype]);
      asm.add(rax, keys);
      emitKeyParams(asm, rax, registers.spares[0]);
    }
    for (const sum of registers.sums) emitZero(asm, target, sum);
    asm.mov(query, rdx);
    load(asm, queryEnd, "rowBytes");
    asm.imulBy(queryEnd, queryEnd, numVectors);
    asm.add(queryEnd, query);
    const again = asm.label();
    asm.bind(again);
    asm.prefetcht0(at(keys, 0, ahead));
    emitKeys(asm, dtype, at(keys), registers.sixteen, registers.spares[0]);
    emitMultiplyAdds(asm, target, registers, 0, (v) => at(query, 4 * v));
    asm.add(keys, sixteenBytes[dtype]);
    asm.add(query, 4 * numVectors);
    asm.cmp(query, queryEnd);
    asm.jump("jb", again);
    for (const [v, sum] of registers.sums.entries())
      for (const [i, part] of sum.entries())
        asm.vmovupsStore(at(rbx, v * scoreRowBytes + (i * part.bits) / 8), part);
    asm.add(rbx, tileBytesOfScores);
  });
}

/**
 * Sums of the chunk's vectors over all tokens of the partition, for as many times 16 dimensions as registers hold sums: then
 * values are read in one stream, and there are enough independent chains to hide the latency of an addition.
 * rdx = the chunk's first row of weights e, rbx = its first record.
 */
export function emitChunkValues(asm: Assembler, target: Target, dtype: KvDtype, numVectors: number): void {
  const dimension = r12;
  asm.xor(dimension, dimension);
  const most = sixteensAtOnce(target, dtype, numVectors);
  for (const numSixteens of most > 1 ? [most, 1] : [1]) {
    const [again, done] = [asm.label(), asm.label()];
    asm.bind(again);
    asm.lea(rax, at(dimension, 16 * numSixteens));
    asm.cmp(rax, slot("headDim"));
    asm.jump("ja", done);
    emitSixteens(asm, target, dtype, chunkRegisters(target, numVectors, numSixteens));
    asm.add(dimension, 16 * numSixteens);
    asm.jmp(again);
    asm.bind(done);
  }
}

/** The int4 values of the two halves of a head share bytes, so their unit is 16 dimensions. */
function sixteensAtOnce(target: Target, dtype: KvDtype, numVectors: number): number {
  if (dtype === "int4") return 1;
  const registers = (numSixteens: number): number => (numVectors * numSixteens * 512) / target.vectorBits;
  return [4, 2, 1].find((n) => registers(n) <= target.numVectorRegisters - firstSum) ?? 1;
}

/** The sums of dimensions from r12 on. */
function emitSixteens(asm: Assembler, target: Target, dtype: KvDtype, registers: ChunkRegisters): void {
  const [value, weight, dimension, record, left] = [rsi, rcx, r12, r13, r14];
  for (const sum of registers.sums) emitZero(asm, target, sum);
  asm.mov(weight, rdx);
  load(asm, left, "endPosition");
  asm.sub(left, slot("firstPosition"));
  forEachTile(asm, value, () =>
    emitTileValues(asm, target, dtype, registers, { value, weight, dimension, left }),
  );
  asm.mov(record, rbx);
  asm.lea(record, at(record, 16, dimension, 4));
  for (const sum of registers.sums) {
    for (const [i, part] of sum.entries()) asm.vmovupsStore(at(record, (i * part.bits) / 8), part);
    asm.add(record, slot("recordBytes"));
  }
}

/** Up to 16 tokens of one tile; the last tile may hold fewer. */
function emitTileValues(
  asm: Assembler,
  target: Target,
  dtype: KvDtype,
  registers: ChunkRegisters,
  {
    value,
    weight,
    dimension,
    left,
  }: Readonly<Record<"value" | "weight" | "dimension" | "left", GeneralRegister>>,
): void {
  const [token, stride, pair] = [r10, r11, rax];
  const enough = asm.label();
  asm.mov(token, tokensPerTile);
  asm.cmp(left, token);
  asm.jump("jae", enough);
  asm.mov(token, left);
  asm.bind(enough);
  asm.sub(left, token);
  load(asm, stride, "headDim");
  asm.imulBy(stride, stride, sixteenBytes[dtype]); // all keys = all values of the tile
  asm.add(value, stride);
  if (dtype !== "f16") {
    asm.lea(pair, at(value, paramsBytes[dtype], stride, 1));
    emitValueParams(asm, pair, registers.spares[0]);
    asm.lea(pair, tileParams);
  }
  asm.shr(stride, 4); // one token's values
  const emitTokens = (nibbles: Nibbles): void => {
    const again = asm.label();
    asm.bind(again);
    for (let which = 0; which < registers.numSixteens; which++) {
      const disp = which * sixteenBytes[dtype];
      if (disp % cacheLineBytes === 0) asm.prefetcht0(at(value, disp, ahead));
      emitValues(asm, dtype, nibbles, at(value, disp), pair, registers.sixteen, registers.spares);
      emitMultiplyAdds(asm, target, registers, which, (v) => at(weight, v * scoreRowBytes));
    }
    asm.add(value, stride);
    if (dtype !== "f16") asm.add(pair, 8);
    asm.add(weight, 4);
    asm.sub(token, 1);
    asm.jump("jne", again);
  };
  asm.lea(value, at(value, 0, dimension, dtype === "f16" ? 2 : 1));
  if (dtype !== "int4") {
    emitTokens("low");
    return;
  }
  // A row of int4 values has half as many bytes as dimensions: after them come the high nibbles of the same bytes.
  const [upperHalf, done] = [asm.label(), asm.label()];
  asm.cmp(dimension, stride);
  asm.jump("jae", upperHalf);
  emitTokens("low");
  asm.jmp(done);
  asm.bind(upperHalf);
  asm.sub(value, stride);
  emitTokens("high");
  asm.bind(done);
}
