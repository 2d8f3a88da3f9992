/**
 * @module The end of a matrix product's tile: out = scale · (sum + bias), or added to what out holds.
 *
 * Sums lie at rsp, one vector per token. The last row pack of a matrix may have fewer than 8 rows: then lanes past them are
 * masked, since the bytes after the results belong to other buffers.
 */
import { rowsPerPack } from "../../../footprint/weight-layout.ts";
import type { Assembler } from "../assembler/assembler.ts";
import {
  at,
  type GeneralRegister,
  low32,
  r9,
  r10,
  r15,
  rax,
  rbx,
  rsp,
  xmm,
  ymm,
} from "../assembler/operands.ts";
import type { JobFields } from "./frame.ts";

/** Registers of the walk that the end of a tile uses. */
export interface FinishRegisters {
  readonly rowPack: GeneralRegister;
  /** Row 0 of the tile's first token. */
  readonly out: GeneralRegister;
  readonly outStride: GeneralRegister;
}
export type MatmulName = "matmulQ4" | "matmulQ8" | "matmulF32" | "matmulF16" | "matmulBf16";

const [bias, scale, lanes, value, old] = [ymm(0), ymm(1), ymm(2), ymm(3), ymm(4)];
const rowsLeft = rax;
const numTokens = rbx;
const to = r10;
const from = r15;
const scratch = r9;
const rowPackRowBytes = rowsPerPack * 4;
const laneNumbers = new Uint8Array(Int32Array.from({ length: rowsPerPack }, (_, i) => i).buffer);
/** x + (−0) is x for every x, −0 included: the bias of a product without bias. */
const negativeZeros = new Uint8Array(Float32Array.from({ length: rowsPerPack }, () => -0).buffer);

/** Finishes consecutive row packs, which are next to each other in every token's sums. rbx = tokens of the tile. Uses rax, r9, r10, r15. */
export function emitFinish(
  asm: Assembler,
  job: JobFields<MatmulName>,
  registers: FinishRegisters,
  { numRowPacks }: { readonly numRowPacks: 1 | 2 },
): void {
  emitScale(asm, job);
  for (let half = 0; half < numRowPacks; half++)
    emitFinishRowPack(asm, job, registers, {
      half,
      sumsAt: half * rowPackRowBytes,
      tokenSumsBytes: numRowPacks * rowPackRowBytes,
    });
}

/** Loads the factor of `emitFinishRowPack`, which stays in its register. */
export function emitScale(asm: Assembler, job: JobFields<MatmulName>): void {
  asm.vbroadcastss(scale, job.field("scale"));
}

/** Place of the sums of a row pack: offset from rsp, and distance from token to token. */
interface RowPackSums {
  /** 1: the row pack after the one in the register. */
  readonly half: number;
  readonly sumsAt: number;
  readonly tokenSumsBytes: number;
}

/** Finishes one row pack for all tokens of the tile. */
export function emitFinishRowPack(
  asm: Assembler,
  job: JobFields<MatmulName>,
  { rowPack, out, outStride }: FinishRegisters,
  { half, sumsAt, tokenSumsBytes }: RowPackSums,
): void {
  const [partial, done] = [asm.label(), asm.label()];
  emitRowsLeft(asm, job, rowPack, half);
  emitBias(asm, job, rowPack, half);
  asm.mov(to, rowPack);
  asm.shl(to, Math.log2(rowPackRowBytes));
  asm.lea(to, at(out, half * rowPackRowBytes, to));
  asm.lea(from, at(rsp, sumsAt));
  asm.cmp(rowsLeft, rowsPerPack);
  asm.jump("jl", partial);
  emitTokens(asm, job, outStride, { tokenSumsBytes, isMasked: false });
  asm.jmp(done);
  asm.bind(partial);
  emitTokens(asm, job, outStride, { tokenSumsBytes, isMasked: true });
  asm.bind(done);
}

/** rowsLeft = numRows − 8·(row pack + half); lanes = all ones where there is a row. */
function emitRowsLeft(
  asm: Assembler,
  job: JobFields<MatmulName>,
  rowPack: GeneralRegister,
  half: number,
): void {
  asm.lea(scratch, at(rowPack, half));
  asm.shl(scratch, Math.log2(rowsPerPack));
  job.load(rowsLeft, "numRows");
  asm.sub(rowsLeft, scratch);
  asm.vmovd(xmm(lanes.index), low32(rowsLeft));
  asm.vpbroadcastd(lanes, xmm(lanes.index));
  asm.vpcmpgtd(lanes, lanes, at(asm.constant(laneNumbers)));
}

function emitBias(asm: Assembler, job: JobFields<MatmulName>, rowPack: GeneralRegister, half: number): void {
  const none = asm.label();
  asm.vmovups(bias, at(asm.constant(negativeZeros)));
  job.optionalPointer(scratch, "bias");
  asm.test(scratch, scratch);
  asm.jump("je", none);
  asm.mov(to, rowPack);
  asm.shl(to, Math.log2(rowPackRowBytes));
  asm.vmaskmovps(bias, lanes, at(scratch, half * rowPackRowBytes, to, 1));
  asm.bind(none);
}

/** Finishes all tokens of the tile; a masked store is slow, so whole row packs have their own loop. */
function emitTokens(
  asm: Assembler,
  job: JobFields<MatmulName>,
  outStride: GeneralRegister,
  { tokenSumsBytes, isMasked }: { readonly tokenSumsBytes: number; readonly isMasked: boolean },
): void {
  const [again, noOld] = [asm.label(), asm.label()];
  asm.mov(scratch, numTokens);
  asm.bind(again);
  asm.vaddps(value, bias, at(from));
  asm.vmulps(value, value, scale);
  asm.cmpMemory(job.field("accumulate"), 0);
  asm.jump("je", noOld);
  if (isMasked) asm.vmaskmovps(old, lanes, at(to));
  else asm.vmovups(old, at(to));
  asm.vaddps(value, old, value);
  asm.bind(noOld);
  if (isMasked) asm.vmaskmovpsStore(at(to), lanes, value);
  else asm.vmovupsStore(at(to), value);
  asm.add(to, outStride);
  asm.add(from, tokenSumsBytes);
  asm.sub(scratch, 1);
  asm.jump("jne", again);
}
