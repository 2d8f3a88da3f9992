/**
 * @module A product of one token reads weights from four places of the share in parallel.
 *
 *   share   ├─── stream 0 ───┼─── stream 1 ───┼─── stream 2 ───┼─── stream 3 ───┼ rest ┤
 *               row pack i       row pack i       row pack i       row pack i              one tile: 32 rows × 1 token
 *
 * Limit: the memory bandwidth of one core, which depends on how many reads are in flight. The processor prefetches each stream by
 * itself, but only so far: four streams reach 18 GB/s on a Zen 3 core, one reaches 14 (`probes.ts` reads both ways).
 * The rest, fewer than four row packs, is left to the walk of `matmul-quantized.ts`.
 */
import { rowsPerPack } from "../../../footprint/weight-layout.ts";
import type { Assembler } from "../assembler/assembler.ts";
import { type GeneralRegister, low32, type Memory, rax } from "../assembler/operands.ts";
import type { JobFields } from "./frame.ts";
import { emitFinishRowPack, emitScale, type FinishRegisters, type MatmulName } from "./matmul-finish.ts";
import { emitTile, type TileRegisters } from "./matmul-tile.ts";
import type { WalkShape } from "./tile-shape.ts";

const numStreams = 4;

/** Registers of the walk, and two places of its stack. */
export interface StreamsWalk extends TileRegisters, FinishRegisters {
  /** Bytes from one stream to the next. */
  readonly streamStride: GeneralRegister;
  readonly tokensOfTile: GeneralRegister;
  /** Row packs of a stream, and the first row pack after stream 0. */
  readonly streamRowPacks: Memory;
  readonly streamEnd: Memory;
}

/** Multiplies four streams from `rowPack` and `weights` on, which then point to the rest. The job has one token. */
export function emitStreams(
  asm: Assembler,
  job: JobFields<MatmulName>,
  walk: StreamsWalk,
  shape: Omit<WalkShape, "numRowPacks">,
): void {
  const {
    rowPack,
    weights,
    rowPackStride,
    input,
    out,
    streamStride,
    tokensOfTile,
    streamRowPacks,
    streamEnd,
  } = walk;
  const [nextRowPacks, done] = [asm.label(), asm.label()];
  asm.mov(low32(rax), job.end);
  asm.sub(rax, rowPack);
  asm.shr(rax, Math.log2(numStreams));
  asm.jump("je", done);
  asm.store(streamRowPacks, rax);
  asm.mov(streamStride, rax);
  asm.imul(streamStride, rowPackStride);
  asm.add(rax, rowPack);
  asm.store(streamEnd, rax);
  job.pointer(input, "input");
  job.pointer(out, "out");
  asm.mov(tokensOfTile, 1);

  asm.bind(nextRowPacks);
  emitTile(
    asm,
    { ...walk, rowPackStride: streamStride },
    { ...shape, numRowPacks: numStreams, numTokens: 1 },
  );
  emitScale(asm, job);
  for (let stream = 0; stream < numStreams; stream++) {
    const sumsBytes = rowsPerPack * Float32Array.BYTES_PER_ELEMENT;
    emitFinishRowPack(asm, job, walk, { half: 0, sumsAt: stream * sumsBytes, tokenSumsBytes: sumsBytes });
    asm.add(rowPack, streamRowPacks);
  }
  for (let stream = 0; stream < numStreams; stream++) asm.sub(rowPack, streamRowPacks);
  asm.add(rowPack, 1);
  asm.add(weights, rowPackStride);
  asm.cmp(rowPack, streamEnd);
  asm.jump("jb", nextRowPacks);

  for (let stream = 1; stream < numStreams; stream++) {
    asm.add(rowPack, streamRowPacks);
    asm.add(weights, streamStride);
  }
  asm.bind(done);
}
