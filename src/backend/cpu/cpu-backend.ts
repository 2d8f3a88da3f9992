/** @module The CPU backend: allocates a model by its footprint, starts its worker threads and waits until it serves. */
import { getCompileCacheDir } from "node:module";
import { Worker } from "node:worker_threads";
import { invariant } from "../../core/errors.ts";
import type { Backend, BackendLimits, KernelDescription, LoadedModel, LoadProgress } from "../backend.ts";
import type { Program } from "../program.ts";
import { chooseKernelSource, type KernelSource } from "./choose-kernels.ts";
import { CpuModel, type ModelRank } from "./cpu-model.ts";
import {
  largestArenaBytes,
  maxAttentionItems,
  maxSplitRows,
  partialsBytes,
} from "./footprint/buffer-sizes.ts";
import { attentionItemWords, partialRecordBytes } from "./footprint/workspace-layout.ts";
import type { KernelChoice } from "./kernel-choices.ts";
import { preferHugePages } from "./kernels/machine-code/loading/loader.ts";
import { allReady } from "./loading-threads.ts";
import { type ArenaViews, viewsOf } from "./memory/arena.ts";
import type { ArenaLayout } from "./memory/layout.ts";
import { stepInputViews, stepResultViews } from "./memory/step-views.ts";
import { allocateRanks, type Rank } from "./rank.ts";
import { AttentionItems } from "./run/attention-items.ts";
import { threadOf, type WorkerStart } from "./worker-messages.ts";

export interface CpuBackendOptions {
  /** Worker threads of all ranks together, from 1 up. */
  readonly numThreads: number;
  /** Parts that the model is divided into, each with threads and memories of its own; default 1. */
  readonly numRanks?: number;
  /** Most bytes of one arena; smaller only in tests, to spread a small model over several. */
  readonly arenaLimitBytes?: number;
  /** Default: PAGODA_KERNELS, else the best that works here. */
  readonly kernels?: KernelChoice;
}

/** A thread's heap holds its code and compiled phases only: a few MiB. */
const workerResourceLimits = {
  maxOldGenerationSizeMb: 32,
  maxYoungGenerationSizeMb: 2,
  stackSizeMb: 1,
} as const;

const workerFile = new URL(
  import.meta.url.endsWith(".ts") ? "./compute.worker.ts" : "./compute.worker.js",
  import.meta.url,
);

export class CpuBackend implements Backend {
  readonly name = "cpu";
  readonly #options: CpuBackendOptions;

  constructor(options: CpuBackendOptions) {
    this.#options = options;
  }

  /**
   * Allocates exactly `cpuFootprint` of every rank, makes every page resident and loads the weights. Throws
   * `memory_too_small` where the system or a 32-bit pointer cannot hold it, `model_invalid` where a file ends early.
   */
  async load(
    program: Program,
    stepLimits: BackendLimits,
    onProgress: (progress: LoadProgress) => void = () => undefined,
  ): Promise<LoadedModel> {
    const { numThreads, numRanks = 1, arenaLimitBytes = largestArenaBytes } = this.#options;
    const allocated = allocateRanks(program, stepLimits, { numThreads, numRanks, arenaLimitBytes });
    const kernels = await chooseKernelSource(this.#options.kernels);
    // Through node:ffi, which is trusted only where machine code has passed its self-test.
    if (kernels.machineCode !== null) for (const rank of allocated) preferHugeWeightPages(rank);
    const ranks = allocated.map(({ allocations: _, ...rank }) => rank);
    const workers = ranks.flatMap(({ limits }, rank) =>
      [...Array(limits.numThreads).keys()].map((thread) => startWorker({ ranks, rank, thread, kernels })),
    );
    const totalBytes = loadedBytesOf(ranks);
    let loadedBytes = 0;
    const kernelSetName = await allReady(workers, (numBytes) => {
      loadedBytes += numBytes;
      onProgress({ loadedBytes, totalBytes });
    });
    const views = allocated.map((rank) => ({ ...rank, arenas: rank.memories.map(viewsOf) }));
    return new CpuModel({
      kernels: describeKernels(kernelSetName, kernels),
      program,
      ranks: views,
      workers,
      ...stepViews(views, program.vocabularyWidth),
      whyNoRelease:
        kernels.machineCode === null
          ? "memory is given back through node:ffi, which is used only where machine code has passed its self-test"
          : null,
    });
  }
}

/** What the coordinator writes and reads: all of it lies in arena 0 of rank 0. */
function stepViews(ranks: readonly ModelRank[], vocabularyWidth: number) {
  const [first] = ranks;
  const [arena, layout] = [first?.arenas[0], first?.layout.arenas[0]];
  invariant(
    first !== undefined && arena !== undefined && layout !== undefined,
    () => "a model has at least one arena",
  );
  return {
    inputs: stepInputViews(arena.memory, layout, first.limits, vocabularyWidth),
    results: stepResultViews(arena.memory, layout, first.limits),
    attentionItems: attentionItemsOf(ranks, layout, arena),
  };
}

function preferHugeWeightPages({ memories, layout }: Rank): void {
  for (const [arenaId, { buffer }] of memories.entries())
    preferHugePages(buffer, layout.arenas[arenaId]?.weightsEnd ?? 0);
}

/** Bytes that all ranks read from the weight files together. */
function loadedBytesOf(ranks: readonly Rank[]): number {
  return ranks
    .flatMap(({ program }) => program.weights)
    .reduce((sum, { origin }) => sum + origin.numBytes, 0);
}

function describeKernels(name: string, { reason, selfTestMs }: KernelSource): KernelDescription {
  return {
    name,
    ...(reason === null ? {} : { reason }),
    ...(selfTestMs === null ? {} : { selfTestMs }),
  };
}

function startWorker(start: WorkerStart): Worker {
  // A thread uses the compile cache only if its environment names it. Without it, stripping types costs 17 MiB a thread.
  const cacheFolder = getCompileCacheDir();
  return new Worker(workerFile, {
    workerData: start,
    resourceLimits: workerResourceLimits,
    env: cacheFolder === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: cacheFolder },
    // node:ffi, which machine code is loaded through, warns once in every thread.
    execArgv: ["--disable-warning=ExperimentalWarning"],
    name: `pagoda-${threadOf(start)}`,
  });
}

/** The same items for all ranks, with partial records for the query heads of rank 0 (`RankInputs.partials`). */
function attentionItemsOf(
  ranks: readonly ModelRank[],
  layout: ArenaLayout,
  { memory }: ArenaViews,
): AttentionItems {
  const [first] = ranks;
  invariant(first !== undefined, () => "an instance has at least one rank");
  const { limits } = first;
  const { numHeads, hasWindow, maxPartials } = headsOf(first);
  return new AttentionItems(
    new Int32Array(memory.buffer, layout.attentionItems, maxAttentionItems(limits) * attentionItemWords),
    new Int32Array(memory.buffer, layout.mergeItems, maxSplitRows * attentionItemWords),
    {
      numThreads: limits.numThreads,
      numKvHeads: Math.min(...ranks.map((rank) => headsOf(rank).numKvHeads)),
      numHeads,
      blockSize: limits.blockSize,
      hasWindow,
      maxPartials,
    },
  );
}

function headsOf({ program, limits }: ModelRank) {
  const attention = program.body.filter((operation) => operation.kind === "attention");
  const headCounts = new Set(attention.map(({ numHeads }) => numHeads));
  const headDims = new Set(program.kvLayers.map(({ headDim }) => headDim));
  // All records of a table have one shape; where layers differ in shape, long items are not cut.
  const isUniform = headCounts.size <= 1 && headDims.size <= 1;
  const recordBytes = partialRecordBytes(Math.max(2, ...headDims));
  return {
    numKvHeads: Math.max(1, Math.min(...program.kvLayers.map(({ numKvHeads }) => numKvHeads))),
    numHeads: Math.max(1, ...headCounts),
    hasWindow: attention.some(({ window }) => window !== null),
    maxPartials: isUniform ? Math.floor(partialsBytes(program, limits) / recordBytes) : 0,
  };
}
