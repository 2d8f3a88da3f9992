/** @module One rank of an instance: its part of the program, in memories of its own. */
import { PagodaError } from "../../core/errors.ts";
import type { Allocation, BackendLimits } from "../backend.ts";
import type { Program } from "../program.ts";
import { cpuFootprint } from "./footprint/cpu-footprint.ts";
import type { CpuLimits } from "./footprint/cpu-limits.ts";
import { rankLimits } from "./footprint/instance-footprint.ts";
import { type RankProgram, rankProgram } from "./footprint/rank-program.ts";
import { createArena } from "./memory/arena.ts";
import { layOut, type ModelLayout } from "./memory/layout.ts";

/** Plain data: it is sent to threads. */
export interface Rank {
  readonly program: RankProgram;
  readonly limits: CpuLimits;
  readonly layout: ModelLayout;
  /** By arena. */
  readonly memories: readonly WebAssembly.Memory[];
}

export interface AllocatedRank extends Rank {
  readonly allocations: readonly Allocation[];
}

/**
 * Allocates the memories of every rank, each exactly `cpuFootprint` of its part. Throws `invalid_option` where the model or the
 * threads cannot be divided, and `memory_too_small`.
 */
export function allocateRanks(
  program: Program,
  stepLimits: BackendLimits,
  options: { readonly numThreads: number; readonly numRanks: number; readonly arenaLimitBytes: number },
): readonly AllocatedRank[] {
  const { numThreads, numRanks, arenaLimitBytes } = options;
  if (numThreads % numRanks !== 0)
    throw new PagodaError(
      "invalid_option",
      `${numThreads} threads cannot be divided among ${numRanks} ranks.`,
      {
        hint: `Use --threads ${numRanks * Math.ceil(numThreads / numRanks)}.`,
      },
    );
  const planned = [...Array(numRanks).keys()].map((rank) => {
    const place = { rank, numRanks };
    const limits = rankLimits({ ...stepLimits, numThreads }, rank, numRanks);
    const own = rankProgram(program, place);
    const { layout, allocations } = layOut(own, limits, cpuFootprint(own, limits, arenaLimitBytes));
    return { program: own, limits, layout, allocations };
  });
  return planned.map((rank) => ({
    ...rank,
    memories: rank.layout.arenas.map(({ numBytes }) => createArena(numBytes).memory),
  }));
}
