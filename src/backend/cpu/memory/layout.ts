/** @module The place of every buffer: walks a model in the footprint's order and allocates each buffer in its arena. */
import { invariant } from "../../../core/errors.ts";
import type { FootprintComponent } from "../../../core/footprint.ts";
import { layerBlockBytes } from "../../../core/kv-layout.ts";
import type { Allocation } from "../../backend.ts";
import { type StepArray, stepArrayBytes, stepInputArrays, stepResultArrays } from "../../step-layout.ts";
import {
  arenaPageBytes,
  bufferRows,
  controlBytes,
  isReadInEveryArena,
  jobsPerThread,
  kernelDataBytes,
  maxAttentionItems,
  maxSplitRows,
  numRanksOf,
  quantizedWidth,
  rankOfThread,
  rankPartialsBytes,
  ropeTableBytes,
  threadScratchBytes,
} from "../footprint/buffer-sizes.ts";
import { type CpuFootprint, kvOfRanks, weightPieces } from "../footprint/cpu-footprint.ts";
import type { CpuLimits } from "../footprint/cpu-limits.ts";
import type { RankedProgram } from "../footprint/ranked-program.ts";
import { attentionItemWords, jobBytes, quantizedBytes } from "../footprint/workspace-layout.ts";
import { BumpAllocator } from "./arena.ts";

/** Byte offsets in one arena; plain data, sent to threads. A missing entry lies in another arena. */
export interface ArenaLayout {
  readonly numBytes: number;
  /** Only weights lie before it, apart from a few KiB of kernel data and control words. */
  readonly weightsEnd: number;
  /** By weightId. */
  readonly weights: ReadonlyMap<number, number>;
  /** By index of kvLayers, then by rank. */
  readonly kvLayers: ReadonlyMap<number, readonly number[]>;
  /** By bufferId. */
  readonly buffers: ReadonlyMap<number, number>;
  readonly quantized: number;
  /** By rank. */
  readonly partials: readonly number[];
  /** By thread. */
  readonly scratch: readonly number[];
  /** By name of `stepInputArrays`. */
  readonly inputs: ReadonlyMap<string, number>;
  /** By name of `stepResultArrays`; arena 0 only. */
  readonly results: ReadonlyMap<string, number>;
  readonly attentionItems: number;
  readonly mergeItems: number;
  /** By ropeId. */
  readonly ropeTables: readonly number[];
  /** Job blocks, jobsPerThread of each thread one after another. */
  readonly jobs: number;
}

export interface ModelLayout {
  readonly arenas: readonly ArenaLayout[];
  readonly layerArenas: readonly number[];
  /** In arena 0. */
  readonly control: number;
  readonly jobsPerThread: number;
}

interface LaidOut {
  readonly layout: ModelLayout;
  readonly allocations: readonly Allocation[];
}

/** Lays out all arenas and compares the result with `plan`: a difference is a bug of ours. */
export function layOut(program: RankedProgram, limits: CpuLimits, plan: CpuFootprint): LaidOut {
  const allocators = plan.arenaBytes.map(() => new BumpAllocator());
  let control = 0;
  const arenas = allocators.map((allocator, arena) => {
    allocator.allocate("tables", "kernel data", kernelDataBytes);
    if (arena === 0) control = allocator.allocate("tables", "control", controlBytes(limits.numThreads));
    return layOutArena(program, limits, plan, arena, allocator);
  });
  const allocations = allocators.flatMap((allocator) => allocator.allocations);
  assertAsPlanned(plan, allocations);
  const layout = { arenas, layerArenas: plan.layerArenas, control, jobsPerThread: jobsPerThread(program) };
  return { layout, allocations };
}

function layOutArena(
  program: RankedProgram,
  limits: CpuLimits,
  plan: CpuFootprint,
  arena: number,
  allocator: BumpAllocator,
): ArenaLayout {
  const isHere = (layer: number | null): boolean =>
    layer === null ? arena === 0 : plan.layerArenas[layer] === arena;
  const weights = layOutWeights(program, isHere, allocator);
  const weightsEnd = allocator.endBytes;
  const kvLayers = layOutKv(program, limits, isHere, allocator);
  const workspace = layOutWorkspace(program, limits, arena, allocator);
  const step = layOutStep(program, limits, arena, allocator);
  const ropeTables = program.ropeTables.map((table, ropeId) =>
    allocator.allocate("tables", `rope ${ropeId}`, ropeTableBytes(table.inverseFrequencies.length, limits)),
  );
  const jobs = allocator.allocate("tables", "jobs", limits.numThreads * jobsPerThread(program) * jobBytes);
  allocator.allocate("tables", "page rounding", -allocator.endBytes & (arenaPageBytes - 1));
  return {
    numBytes: allocator.endBytes,
    weightsEnd,
    weights,
    kvLayers,
    ...workspace,
    ...step,
    ropeTables,
    jobs,
  };
}

/** Those that all ranks read, then those of rank 0, of rank 1 and so on. */
function layOutWeights(
  program: RankedProgram,
  isHere: (layer: number | null) => boolean,
  allocator: BumpAllocator,
): ReadonlyMap<number, number> {
  const rankOf = ({ rank = -1 }: RankedProgram["weights"][number]): number => rank;
  return new Map(
    program.weights
      .filter((weight) => isHere(weight.layer))
      .sort((a, b) => rankOf(a) - rankOf(b))
      .map((weight) => {
        const offsets = weightPieces(weight).map(({ numBytes, rank }) =>
          allocator.allocate("weights", weight.name, numBytes, rank),
        );
        return [weight.weightId, offsets[0] ?? 0];
      }),
  );
}

/** The layers of rank 0, then those of rank 1 and so on. */
function layOutKv(
  program: RankedProgram,
  limits: CpuLimits,
  isHere: (layer: number | null) => boolean,
  allocator: BumpAllocator,
): ReadonlyMap<number, readonly number[]> {
  const layers = [...program.kvLayers.entries()].filter(([layer]) => isHere(layer));
  const ranks = ranksOf(program).map((rank) =>
    layers.map(([layer, kv]) => {
      const own = kvOfRanks(kv)[rank];
      const blockBytes = own === undefined ? 0 : layerBlockBytes(limits.kvDtype, own, limits.blockSize);
      const numBytes = limits.numBlocks * blockBytes;
      return allocator.allocate("kvPool", `layer ${layer}`, numBytes, ownerOf(program, rank));
    }),
  );
  return new Map(layers.map(([layer], at) => [layer, ranks.map((offsets) => offsets[at] ?? 0)]));
}

function ranksOf(program: RankedProgram): number[] {
  return [...Array(numRanksOf(program)).keys()];
}

/** Where there is one rank, nothing is told apart. */
function ownerOf(program: RankedProgram, rank: number): number | undefined {
  return numRanksOf(program) === 1 ? undefined : rank;
}

function layOutWorkspace(
  program: RankedProgram,
  limits: CpuLimits,
  arena: number,
  allocator: BumpAllocator,
): Pick<ArenaLayout, "buffers" | "quantized" | "partials" | "scratch"> {
  const workspace = (name: string, numBytes: number, rank?: number): number =>
    allocator.allocate("workspace", name, numBytes, rank);
  const buffers = new Map(
    program.buffers.map(({ bufferId, name, rows, width }) => [
      bufferId,
      workspace(name, bufferRows(rows, limits) * width * 4),
    ]),
  );
  return {
    buffers,
    quantized: workspace(
      "quantized input",
      quantizedBytes(limits.maxNumBatchedTokens, quantizedWidth(program)),
    ),
    partials: ranksOf(program).map((rank) =>
      workspace("attention partials", rankPartialsBytes(program, limits), ownerOf(program, rank)),
    ),
    scratch: [...Array(limits.numThreads).keys()].map((thread) => {
      const rank = rankOfThread(thread, limits.numThreads, numRanksOf(program));
      const name = `scratch of thread ${thread}`;
      return workspace(name, threadScratchBytes(program, arena), ownerOf(program, rank));
    }),
  };
}

function layOutStep(
  program: RankedProgram,
  limits: CpuLimits,
  arena: number,
  allocator: BumpAllocator,
): Pick<ArenaLayout, "inputs" | "results" | "attentionItems" | "mergeItems"> {
  const inputs = stepInputArrays(limits, program.vocabularyWidth).filter(
    (array) => arena === 0 || isReadInEveryArena(array),
  );
  const results = arena === 0 ? stepResultArrays(limits) : [];
  const place = (kind: string, arrays: readonly StepArray[]): ReadonlyMap<string, number> =>
    new Map(
      arrays.map((array) => [
        array.name,
        allocator.allocate("workspace", `${kind} ${array.name}`, stepArrayBytes(array)),
      ]),
    );
  return {
    inputs: place("input", inputs),
    results: place("result", results),
    attentionItems: allocator.allocate(
      "workspace",
      "attention items",
      maxAttentionItems(limits) * attentionItemWords * 4,
    ),
    mergeItems: allocator.allocate("workspace", "merge items", maxSplitRows * attentionItemWords * 4),
  };
}

function assertAsPlanned(plan: CpuFootprint, allocations: readonly Allocation[]): void {
  for (const component of Object.keys(plan.components) as FootprintComponent[]) {
    const actualBytes = allocatedBytes(allocations, component);
    invariant(
      actualBytes === plan.components[component],
      () => `${component}: planned ${plan.components[component]} bytes, allocated ${actualBytes}`,
    );
  }
}

function allocatedBytes(allocations: readonly Allocation[], component: FootprintComponent): number {
  return allocations.reduce((sum, own) => (own.component === component ? sum + own.numBytes : sum), 0);
}
