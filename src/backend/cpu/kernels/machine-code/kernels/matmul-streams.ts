/**
 * @module One token: weights from four places of the share at once.
 *
 *   share   ├──── run 0 ────┼──── run 1 ────┼──── run 2 ────┼──── run 3 ────┼ rest ┤
 *             octet i         octet i         octet i         octet i                  one tile: 32 rows × 1 token
 *
 * Bound: what memory gives one core, which is how much of it can be under way at once. The processor reads ahead by itself,
 * for each stream so and so far: with four it has 18 GB/s of a Zen 3 core, with one 14 (`probes.ts` reads both ways).
 * The rest, fewer than four octets, is left to the walk of `matmul-quantized.ts`.
 */
import { rowsPerOctet } from "../../../footprint/weight-layout.ts";
import type { Assembler } from "../assembler/assembler.ts";
import { type GeneralRegister, low32, type Memory, rax } from "../assembler/operands.ts";
import type { JobFields } from "./frame.ts";
import { emitFinishOctet, emitScale, type FinishRegisters, type MatmulName } from "./matmul-finish.ts";
import { emitTile, type TileRegisters } from "./matmul-tile.ts";
import type { WalkShape } from "./tile-shape.ts";

const numStreams = 4;

/** Registers of the walk, and two places of its stack. */
export interface StreamsWalk extends TileRegisters, FinishRegisters {
  /** Its own: bytes from one run to the next. */
  readonly runStride: GeneralRegister;
  readonly tokensOfTile: GeneralRegister;
  /** Octets of a run, and the first octet after run 0. */
  readonly runOctets: Memory;
  readonly runEnd: Memory;
}

/** Four runs from `octet` and `weights` on, which are left at the rest. The job has one token. */
export function emitStreams(
  asm: Assembler,
  job: JobFields<MatmulName>,
  walk: StreamsWalk,
  shape: Omit<WalkShape, "numOctets">,
): void {
  const { octet, weights, octetStride, input, out, runStride, tokensOfTile, runOctets, runEnd } = walk;
  const [nextOctets, done] = [asm.label(), asm.label()];
  asm.mov(low32(rax), job.end);
  asm.sub(rax, octet);
  asm.shr(rax, Math.log2(numStreams));
  asm.jump("je", done);
  asm.store(runOctets, rax);
  asm.mov(runStride, rax);
  asm.imul(runStride, octetStride);
  asm.add(rax, octet);
  asm.store(runEnd, rax);
  job.pointer(input, "input");
  job.pointer(out, "out");
  asm.mov(tokensOfTile, 1);

  asm.bind(nextOctets);
  emitTile(asm, { ...walk, octetStride: runStride }, { ...shape, numOctets: numStreams, numTokens: 1 });
  emitScale(asm, job);
  for (let run = 0; run < numStreams; run++) {
    const sumsBytes = rowsPerOctet * Float32Array.BYTES_PER_ELEMENT;
    emitFinishOctet(asm, job, walk, { half: 0, sumsAt: run * sumsBytes, tokenSumsBytes: sumsBytes });
    asm.add(octet, runOctets);
  }
  for (let run = 0; run < numStreams; run++) asm.sub(octet, runOctets);
  asm.add(octet, 1);
  asm.add(weights, octetStride);
  asm.cmp(octet, runEnd);
  asm.jump("jb", nextOctets);

  for (let run = 1; run < numStreams; run++) {
    asm.add(octet, runOctets);
    asm.add(weights, runStride);
  }
  asm.bind(done);
}
