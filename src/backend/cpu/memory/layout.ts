/** @module The place of every buffer: walks a model in the footprint's order and allocates each buffer in its arena. */
import { invariant } from "../../../core/errors.ts";
import type { FootprintComponent } from "../../../core/footprint.ts";
import { layerBlockBytes } from "../../../core/kv-layout.ts";
import type { Allocation } from "../../backend.ts";
import { type StepArray, stepArrayBytes } from "../../step-layout.ts";
import {
  arenaInputs,
  arenaPageBytes,
  arenaResults,
  bufferRows,
  controlBytes,
  jobsPerThread,
  kernelDataBytes,
  maxAttentionItems,
  maxSplitRows,
  partialsBytes,
  quantizedWidth,
  ropeTableBytes,
  threadScratchBytes,
  weightBytes,
} from "../footprint/buffer-sizes.ts";
import type { CpuFootprint } from "../footprint/cpu-footprint.ts";
import type { CpuLimits } from "../footprint/cpu-limits.ts";
import type { RankProgram } from "../footprint/rank-program.ts";
import { attentionItemWords, jobBytes, quantizedBytes } from "../footprint/workspace-layout.ts";
import { BumpAllocator } from "./arena.ts";

/** Byte offsets in one arena; plain data, sent to threads. A missing entry lies in another arena. */
export interface ArenaLayout {
  readonly numBytes: number;
  /** Only weights lie before it, apart from a few KiB of kernel data and control words. */
  readonly weightsEnd: number;
  /** By weightId. */
  readonly weights: ReadonlyMap<number, number>;
  /** By index of kvLayers. */
  readonly kvLayers: ReadonlyMap<number, number>;
  /** By bufferId. */
  readonly buffers: ReadonlyMap<number, number>;
  readonly quantized: number;
  readonly partials: number;
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
export function layOut(program: RankProgram, limits: CpuLimits, plan: CpuFootprint): LaidOut {
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
  program: RankProgram,
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

function layOutWeights(
  program: RankProgram,
  isHere: (layer: number | null) => boolean,
  allocator: BumpAllocator,
): ReadonlyMap<number, number> {
  return new Map(
    program.weights
      .filter((weight) => isHere(weight.layer))
      .map((weight) => [weight.weightId, allocator.allocate("weights", weight.name, weightBytes(weight))]),
  );
}

function layOutKv(
  program: RankProgram,
  limits: CpuLimits,
  isHere: (layer: number | null) => boolean,
  allocator: BumpAllocator,
): ReadonlyMap<number, number> {
  return new Map(
    [...program.kvLayers.entries()]
      .filter(([layer]) => isHere(layer))
      .map(([layer, kv]) => {
        const numBytes = limits.numBlocks * layerBlockBytes(limits.kvDtype, kv, limits.blockSize);
        return [layer, allocator.allocate("kvPool", `layer ${layer}`, numBytes)];
      }),
  );
}

function layOutWorkspace(
  program: RankProgram,
  limits: CpuLimits,
  arena: number,
  allocator: BumpAllocator,
): Pick<ArenaLayout, "buffers" | "quantized" | "partials" | "scratch"> {
  const workspace = (name: string, numBytes: number): number =>
    allocator.allocate("workspace", name, numBytes);
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
    partials: workspace("attention partials", partialsBytes(program, limits)),
    scratch: [...Array(limits.numThreads).keys()].map((thread) =>
      workspace(`scratch of thread ${thread}`, threadScratchBytes(program, arena, limits)),
    ),
  };
}

function layOutStep(
  program: RankProgram,
  limits: CpuLimits,
  arena: number,
  allocator: BumpAllocator,
): Pick<ArenaLayout, "inputs" | "results" | "attentionItems" | "mergeItems"> {
  const inputs = arenaInputs(limits, program.vocabularyWidth, arena);
  const results = arenaResults(limits, arena);
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
