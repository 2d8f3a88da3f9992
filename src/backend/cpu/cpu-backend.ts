/** @module The CPU backend: allocates a model by its footprint, starts its worker threads and waits until it serves. */
import { getCompileCacheDir } from "node:module";
import { Worker } from "node:worker_threads";
import { invariant, PagodaError } from "../../core/errors.ts";
import type { Backend, BackendLimits, KernelDescription, LoadedModel, LoadProgress } from "../backend.ts";
import { finalNormOf } from "../hidden-state.ts";
import type { Program } from "../program.ts";
import { chooseKernelSource, type KernelSource } from "./choose-kernels.ts";
import { CpuModel } from "./cpu-model.ts";
import {
  largestArenaBytes,
  maxAttentionItems,
  maxSplitRows,
  rankPartialsBytes,
} from "./footprint/buffer-sizes.ts";
import { cpuFootprint } from "./footprint/cpu-footprint.ts";
import type { CpuLimits } from "./footprint/cpu-limits.ts";
import { widthOf } from "./footprint/rank-shares.ts";
import { type RankedProgram, rankedProgram } from "./footprint/ranked-program.ts";
import { attentionItemWords, partialRecordBytes } from "./footprint/workspace-layout.ts";
import type { KernelChoice } from "./kernel-choices.ts";
import { preferHugePages } from "./kernels/machine-code/loading/loader.ts";
import { allReady } from "./loading-threads.ts";
import { type ArenaViews, createArena } from "./memory/arena.ts";
import { type ArenaLayout, layOut, type ModelLayout } from "./memory/layout.ts";
import { stepInputViews, stepResultViews } from "./memory/step-views.ts";
import { AttentionItems } from "./run/attention-items.ts";
import { controlBlock } from "./run/control.ts";
import type { WorkerStart } from "./worker-messages.ts";

export interface CpuBackendOptions {
  /** Worker threads of all ranks together, from 1 up. */
  readonly numThreads: number;
  /** Parts that the model is divided into, each with threads, weights and a KV cache of its own; default 1. */
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
   * Allocates exactly `cpuFootprint`, makes every page resident and loads the weights. Throws
   * `invalid_option` where so many ranks cannot divide model or threads, `memory_too_small` where the system or a 32-bit pointer cannot hold it, `model_invalid` where a file ends early.
   */
  async load(
    program: Program,
    stepLimits: BackendLimits,
    onProgress: (progress: LoadProgress) => void = () => undefined,
  ): Promise<LoadedModel> {
    const { numThreads, numRanks = 1, arenaLimitBytes = largestArenaBytes } = this.#options;
    const ranked = rankedProgram(program, numRanks);
    refuseUnequalThreads(numThreads, numRanks);
    const limits: CpuLimits = { ...stepLimits, numThreads };
    const { layout, allocations } = layOut(ranked, limits, cpuFootprint(ranked, limits, arenaLimitBytes));
    const kernels = await chooseKernelSource(this.#options.kernels);
    const arenas = layout.arenas.map(({ numBytes }) => createArena(numBytes));
    const memories = arenas.map(({ memory }) => memory);
    // Through node:ffi, which is trusted only where machine code has passed its self-test.
    if (kernels.machineCode !== null)
      for (const [arenaId, { buffer }] of memories.entries())
        preferHugePages(buffer, layout.arenas[arenaId]?.weightsEnd ?? 0);
    const workers = [...Array(numThreads).keys()].map((thread) =>
      startWorker({ program: ranked, limits, layout, memories, kernels, thread }),
    );
    const totalBytes = ranked.weights.reduce((sum, { origin }) => sum + origin.numBytes, 0);
    let loadedBytes = 0;
    const kernelSetName = await allReady(workers, (numBytes) => {
      loadedBytes += numBytes;
      onProgress({ loadedBytes, totalBytes });
    });
    return new CpuModel({
      kernels: describeKernels(kernelSetName, kernels),
      program: ranked,
      limits,
      layout,
      arenas,
      allocations,
      workers,
      finalNorm: finalNormOf(program),
      ...stepViews(ranked, limits, layout, arenas),
      whyNoRelease:
        kernels.machineCode === null
          ? "memory is given back through node:ffi, which is used only where machine code has passed its self-test"
          : null,
    });
  }
}

function refuseUnequalThreads(numThreads: number, numRanks: number): void {
  if (numThreads % numRanks === 0) return;
  throw new PagodaError(
    "invalid_option",
    `${numThreads} threads cannot be divided among ${numRanks} ranks.`,
    {
      hint: `Use --threads ${numRanks * Math.ceil(numThreads / numRanks)}.`,
    },
  );
}

/** What the coordinator writes and reads: all of it lies in arena 0. */
function stepViews(
  program: RankedProgram,
  limits: CpuLimits,
  layout: ModelLayout,
  arenas: readonly ArenaViews[],
) {
  const [arena, arenaLayout] = [arenas[0], layout.arenas[0]];
  invariant(arena !== undefined && arenaLayout !== undefined, () => "a model has at least one arena");
  return {
    control: controlBlock(arena.memory, layout.control, limits.numThreads),
    inputs: stepInputViews(arena.memory, arenaLayout, limits, program.vocabularyWidth),
    results: stepResultViews(arena.memory, arenaLayout, limits),
    attentionItems: attentionItemsOf(program, limits, arenaLayout, arena),
  };
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
    name: `pagoda-${start.thread}`,
  });
}

/** The same items for all ranks; each has a place for partial records of its own. */
function attentionItemsOf(
  program: RankedProgram,
  limits: CpuLimits,
  layout: ArenaLayout,
  { memory }: ArenaViews,
): AttentionItems {
  const attention = program.body.filter((operation) => operation.kind === "attention");
  const headCounts = new Set(
    attention.flatMap(({ numHeads, ranks }) => ranks?.map(({ query }) => widthOf(query)) ?? [numHeads]),
  );
  const headDims = new Set(program.kvLayers.map(({ headDim }) => headDim));
  // All records of a table have one shape; where layers or ranks differ in shape, long items are not cut.
  const isUniform = headCounts.size <= 1 && headDims.size <= 1;
  const recordBytes = partialRecordBytes(Math.max(2, ...headDims));
  return new AttentionItems(
    new Int32Array(memory.buffer, layout.attentionItems, maxAttentionItems(limits) * attentionItemWords),
    new Int32Array(memory.buffer, layout.mergeItems, maxSplitRows * attentionItemWords),
    {
      numThreads: limits.numThreads,
      numKvHeads: Math.max(1, Math.min(...program.kvLayers.map(({ numKvHeads }) => numKvHeads))),
      numHeads: Math.max(1, ...headCounts),
      blockSize: limits.blockSize,
      hasWindow: attention.some(({ window }) => window !== null),
      maxPartials: isUniform ? Math.floor(rankPartialsBytes(program, limits) / recordBytes) : 0,
    },
  );
}
