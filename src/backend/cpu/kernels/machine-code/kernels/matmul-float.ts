/**
 * @module f32, f16 and bf16 weights × f32 activations.
 *
 *   weights   column k: row 0 … row 7 next to each other        f16: converted by the load, bf16: widened and shifted
 *
 *   for each two row packs (16 rows), for each tile of up to 6 tokens:
 *     for k = 0, 1, 2 …:  acc[row, token] ← fma(w[row, k], x[token, k], acc[row, token])
 *
 * Every output is one chain of operations over k, the same in every tile and in the WebAssembly kernel. A tile has two row packs,
 * so that even one token has two independent chains. Limit: 12 multiply-adds of 8 per k at 2 a cycle, 16 products a cycle.
 */
import { rowPackBytes } from "../../../footprint/weight-layout.ts";
import type { Assembler } from "../assembler/assembler.ts";
import {
  at,
  low32,
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
  rsp,
  ymm,
} from "../assembler/operands.ts";
import { emitKernel, type JobFields } from "./frame.ts";
import { emitFinish } from "./matmul-finish.ts";

export type FloatStorage = "f32" | "f16" | "bf16";
const kernelNames = { f32: "matmulF32", f16: "matmulF16", bf16: "matmulBf16" } as const;
type Job = JobFields<(typeof kernelNames)[FloatStorage]>;

const tileWidths = [6, 4, 2, 1] as const;
const bf16Shift = 16;
const [rowPack, weights, rowPackStride, tokensLeft] = [r12, rsi, r14, rcx];
const [input, inputStride, out, outStride] = [rdx, r11, r8, r13];
/** The current column of the weights, of token 0 and of token 3; the number of columns left. */
const [w, x, x3, columnsLeft] = [rax, r9, r10, r15];
const sumBytes = 64;
const scratchBytes = tileWidths[0] * sumBytes;

export function emitFloatMatmul(asm: Assembler, storage: FloatStorage): void {
  emitKernel<(typeof kernelNames)[FloatStorage]>(asm, kernelNames[storage], scratchBytes, (job) => {
    job.load(rowPackStride, "numCols");
    asm.imulBy(rowPackStride, rowPackStride, rowPackBytes(storage, 1));
    job.start(rowPack);
    job.pointer(weights, "weights");
    asm.mov(rax, rowPackStride);
    asm.imul(rax, rowPack);
    asm.add(weights, rax);
    job.load(inputStride, "inputStride");
    job.load(outStride, "outStride");
    for (const rowPacksAtOnce of [2, 1] as const) emitRowPackLoop(asm, job, storage, rowPacksAtOnce);
  });
}

/** Row packs in pairs, then perhaps a single one. */
function emitRowPackLoop(asm: Assembler, job: Job, storage: FloatStorage, rowPacksAtOnce: 1 | 2): void {
  const [again, done] = [asm.label(), asm.label()];
  asm.bind(again);
  asm.lea(rax, at(rowPack, rowPacksAtOnce));
  asm.cmp(low32(rax), job.end);
  asm.jump("ja", done);
  emitTokenLoop(asm, job, storage, rowPacksAtOnce);
  asm.add(rowPack, rowPacksAtOnce);
  asm.lea(weights, at(weights, 0, rowPackStride, rowPacksAtOnce));
  asm.jmp(again);
  asm.bind(done);
}

function emitTokenLoop(asm: Assembler, job: Job, storage: FloatStorage, rowPacksAtOnce: 1 | 2): void {
  const [nextTile, finish, done] = [asm.label(), asm.label(), asm.label()];
  job.load(tokensLeft, "numTokens");
  job.pointer(input, "input");
  job.pointer(out, "out");
  asm.bind(nextTile);
  const tiles = tileWidths.map((numTokens) => ({ numTokens, start: asm.label() }));
  asm.test(tokensLeft, tokensLeft);
  asm.jump("je", done);
  for (const { numTokens, start } of tiles) {
    asm.cmp(tokensLeft, numTokens);
    asm.jump("jae", start);
  }
  for (const { numTokens, start } of tiles) {
    asm.bind(start);
    emitTile(asm, job, storage, rowPacksAtOnce, numTokens);
    asm.imulBy(rax, inputStride, numTokens);
    asm.add(input, rax);
    asm.mov(rbx, numTokens);
    asm.jmp(finish);
  }
  asm.bind(finish);
  emitFinish(asm, job, { rowPack, out, outStride }, { numRowPacks: rowPacksAtOnce });
  asm.sub(tokensLeft, rbx);
  asm.imul(rbx, outStride);
  asm.add(out, rbx);
  asm.jmp(nextTile);
  asm.bind(done);
}

/** Computes the sums of a tile at rsp: one or two vectors of 8 for each token. */
function emitTile(
  asm: Assembler,
  job: Job,
  storage: FloatStorage,
  rowPacksAtOnce: 1 | 2,
  numTokens: number,
): void {
  const numbers = Array.from({ length: rowPacksAtOnce }, (_, o) => ymm(o));
  const factor = ymm(2);
  const sum = (token: number, o: number) => ymm(3 + token * rowPacksAtOnce + o);
  const again = asm.label();
  for (let token = 0; token < numTokens; token++)
    for (let o = 0; o < rowPacksAtOnce; o++) asm.vpxor(sum(token, o), sum(token, o), sum(token, o));
  asm.mov(w, weights);
  asm.mov(x, input);
  asm.lea(x3, at(x, 0, inputStride, 2));
  asm.add(x3, inputStride);
  asm.mov(low32(columnsLeft), job.field("numCols"));
  asm.bind(again);
  for (const [o, register] of numbers.entries())
    emitWeights(asm, storage, register, o === 0 ? at(w) : at(w, 0, rowPackStride));
  for (let token = 0; token < numTokens; token++) {
    asm.vbroadcastss(factor, activation(token));
    for (const [o, register] of numbers.entries()) asm.vfmadd231ps(sum(token, o), register, factor);
  }
  asm.add(w, rowPackBytes(storage, 1));
  asm.add(x, 4);
  asm.add(x3, 4);
  asm.sub(columnsLeft, 1);
  asm.jump("jne", again);
  for (let token = 0; token < numTokens; token++)
    for (let o = 0; o < rowPacksAtOnce; o++)
      asm.vmovupsStore(at(rsp, token * 32 * rowPacksAtOnce + 32 * o), sum(token, o));
}

/** 8 rows of a column as f32. */
function emitWeights(asm: Assembler, storage: FloatStorage, to: ReturnType<typeof ymm>, from: Memory): void {
  if (storage === "f32") asm.vmovups(to, from);
  else if (storage === "f16") asm.vcvtph2ps(to, from);
  else {
    asm.vpmovzxwd(to, from);
    asm.vpslld(to, to, bf16Shift);
  }
}

/** The current number of a token's row: tokens 0, 1, 2 from x, 3, 4, 5 from x3. */
function activation(token: number): Memory {
  const base = token < 3 ? x : x3;
  const steps = token % 3;
  return steps === 0 ? at(base) : at(base, 0, inputStride, steps === 1 ? 1 : 2);
}
