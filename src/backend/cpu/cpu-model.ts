/** @module A loaded model on the CPU: the coordinator of its worker threads. It runs no kernels itself. */
import type { Worker } from "node:worker_threads";
import { mib } from "../../core/byte-size.ts";
import { invariant, PagodaError } from "../../core/errors.ts";
import { layerBlockBytes } from "../../core/kv-layout.ts";
import type {
  Allocation,
  KernelDescription,
  LoadedModel,
  ReleasedMemory,
  StepInputs,
  StepResults,
  StepTiming,
} from "../backend.ts";
import { type FinalNorm, normalizeRow } from "../hidden-state.ts";
import { headPieceRows } from "./footprint/buffer-sizes.ts";
import { kvOfRanks } from "./footprint/cpu-footprint.ts";
import type { CpuLimits } from "./footprint/cpu-limits.ts";
import type { RankedProgram } from "./footprint/ranked-program.ts";
import { tokensPerPartition } from "./footprint/workspace-layout.ts";
import { populatePages, releasePages } from "./kernels/machine-code/loading/loader.ts";
import type { ArenaViews } from "./memory/arena.ts";
import type { ModelLayout } from "./memory/layout.ts";
import { arenaParts } from "./memory/released-ranges.ts";
import type { AttentionItems } from "./run/attention-items.ts";
import { advance, hasFailed } from "./run/barrier.ts";
import {
  type ControlBlock,
  commands,
  commandWords,
  doneWords,
  failInstance,
  releaseMasks,
} from "./run/control.ts";
import { watchThreads } from "./run/thread-watch.ts";
import { type StepProfile, stepProfile, stepTiming } from "./run/timing.ts";

interface CpuModelParts {
  readonly kernels: KernelDescription;
  readonly program: RankedProgram;
  readonly limits: CpuLimits;
  readonly layout: ModelLayout;
  readonly arenas: readonly ArenaViews[];
  readonly allocations: readonly Allocation[];
  readonly workers: readonly Worker[];
  readonly control: ControlBlock;
  readonly inputs: StepInputs;
  readonly results: StepResults;
  readonly attentionItems: AttentionItems;
  /** Null where the head does not begin with a norm. */
  readonly finalNorm: FinalNorm | null;
  /** Why memory cannot be given back to the system; null if it can. */
  readonly whyNoRelease: string | null;
}

/** The arenas, with what lies where in each. */
function partsOf({ layout, arenas }: Pick<CpuModelParts, "layout" | "arenas">) {
  return layout.arenas.flatMap((arena, arenaId) => {
    const buffer = arenas[arenaId]?.memory.buffer;
    return buffer === undefined ? [] : [{ buffer, parts: arenaParts(arena) }];
  });
}

/** 32 MiB take some ten milliseconds. */
const restoredAtOnce = 32 * mib;

export class CpuModel implements LoadedModel {
  readonly kernels: KernelDescription;
  readonly sharedPrefixTokens = tokensPerPartition;
  readonly inputs: StepInputs;
  readonly results: StepResults;
  readonly allocations: readonly Allocation[];
  readonly #parts: CpuModelParts;
  /** The cause of a thread's death; it arrives shortly after the death. */
  readonly #failure = Promise.withResolvers<PagodaError>();
  #isStepping = false;
  /** What was given back; null while all of it is there. */
  #released: { readonly weights: boolean } | null = null;
  #isClosing = false;
  #totalMs = 0;
  #onIdleFailure: (cause: Error) => void = () => undefined;

  constructor(parts: CpuModelParts) {
    this.kernels = parts.kernels;
    this.inputs = parts.inputs;
    this.results = parts.results;
    this.allocations = parts.allocations;
    this.#parts = parts;
    watchThreads(parts.workers, {
      onEnd: () => this.#releaseWaiting(),
      onFailure: (cause) => this.#fail(cause),
    });
  }

  async step(writeMasks: (() => void) | null = null): Promise<void> {
    const { attentionItems, control } = this.#parts;
    const { numTokens, numSlices, numOutputs } = this.inputs;
    if (!hasFailed(control.barrier)) attentionItems.build(this.inputs);
    const { command } = control;
    command[commandWords.numTokens] = numTokens;
    command[commandWords.numSlices] = numSlices;
    command[commandWords.numOutputs] = numOutputs;
    command[commandWords.numAttentionItems] = attentionItems.numItems;
    command[commandWords.numMergeItems] = attentionItems.numMergeItems;
    command[commandWords.awaitsMasks] = writeMasks === null ? 0 : 1;
    Atomics.store(control.masks, 0, 0);
    await this.#run(commands.step, writeMasks);
  }

  /** Lets the threads do what the command words say, and meanwhile writes the masks that they wait for. */
  async #run(what: number, writeMasks: (() => void) | null): Promise<void> {
    const { control } = this.#parts;
    if (hasFailed(control.barrier)) throw await this.#failure.promise;
    invariant(
      !this.#isStepping && !this.#isClosing && (this.#released === null || what === commands.reload),
      () => "a step while stepping, closed or asleep",
    );
    this.#isStepping = true;
    const startMs = performance.now();
    control.command[commandWords.command] = what;
    const numSteps = Atomics.load(control.done, doneWords.numSteps);
    let numCalls = Atomics.load(control.done, doneWords.numCalls);
    advance(control.gate);
    const maskFault = writeMasks === null ? null : this.#writeMasks(writeMasks);
    // The event loop stays free until the workers call; their first call comes before the step has ended.
    do {
      const waiting = Atomics.waitAsync(control.done, doneWords.numCalls, numCalls);
      if (waiting.async) await waiting.value;
      numCalls = Atomics.load(control.done, doneWords.numCalls);
    } while (Atomics.load(control.done, doneWords.numSteps) === numSteps && !hasFailed(control.barrier));
    this.#totalMs = performance.now() - startMs;
    const failure = hasFailed(control.barrier) ? await this.#failure.promise : null;
    this.#isStepping = false;
    if (failure !== null) throw failure;
    if (maskFault !== null) throw maskFault.thrown;
  }

  /** The threads are in the layers meanwhile; they must never be left waiting. */
  #writeMasks(writeMasks: () => void): { readonly thrown: unknown } | null {
    try {
      writeMasks();
      return null;
    } catch (thrown) {
      return { thrown };
    } finally {
      releaseMasks(this.#parts.control.masks);
    }
  }

  release({ weights }: { readonly weights: boolean }): ReleasedMemory {
    invariant(!this.#isStepping, () => "release() during a step");
    const { whyNoRelease } = this.#parts;
    this.#released = { weights };
    if (whyNoRelease !== null) return { releasedBytes: 0, keptBecause: whyNoRelease };
    let releasedBytes = 0;
    let isRefused = false;
    for (const { buffer, parts } of partsOf(this.#parts))
      for (const { start, end } of [parts.kvPool, parts.workspace, ...(weights ? [parts.weights] : [])]) {
        if (releasePages(buffer, start, end)) releasedBytes += end - start;
        else isRefused = true;
      }
    return { releasedBytes, keptBecause: isRefused ? "the system refused to take some of it back" : null };
  }

  async restore(): Promise<void> {
    const { whyNoRelease } = this.#parts;
    const released = this.#released;
    if (released === null) return;
    if (whyNoRelease === null)
      // In pieces: the event loop must not stand still while gigabytes are filled with zeros.
      for (const { buffer, parts } of partsOf(this.#parts))
        for (let start = parts.kvPool.start; start < parts.workspace.end; start += restoredAtOnce) {
          populatePages(buffer, start, Math.min(parts.workspace.end, start + restoredAtOnce));
          await new Promise((resolve) => setImmediate(resolve));
        }
    if (released.weights && whyNoRelease === null) await this.#run(commands.reload, null);
    this.#released = null;
  }

  copyBlocks(pairs: readonly number[]): void {
    invariant(!this.#isStepping, () => "copyBlocks() during a step");
    const { program, limits, layout, arenas } = this.#parts;
    for (const [arenaId, arena] of layout.arenas.entries())
      for (const [kvLayer, offsets] of arena.kvLayers) {
        const kv = program.kvLayers[kvLayer];
        for (const [rank, own] of kv === undefined ? [] : kvOfRanks(kv).entries()) {
          const blockBytes = layerBlockBytes(limits.kvDtype, own, limits.blockSize);
          copyWithin(arenas[arenaId]?.u8, offsets[rank] ?? 0, blockBytes, pairs);
        }
      }
  }

  logitsRow(outputRow: number): Float32Array {
    const { program, limits, layout, arenas } = this.#parts;
    const offset = layout.arenas[0]?.buffers.get(program.logits);
    const arena = arenas[0];
    invariant(arena !== undefined && offset !== undefined, () => "the logits lie in arena 0");
    const width = program.buffers[program.logits]?.width ?? 0;
    const row = outputRow % headPieceRows(limits);
    return new Float32Array(arena.memory.buffer, offset + 4 * width * row, program.vocabularyWidth);
  }

  get hiddenWidth(): number {
    return this.#parts.finalNorm?.width ?? 0;
  }

  readHidden(tokenRow: number, out: Float32Array): void {
    invariant(!this.#isStepping, () => "readHidden() during a step");
    const { layout, arenas, finalNorm: norm } = this.#parts;
    invariant(norm !== null, () => "the program's head begins without a norm");
    const { bufferId, weightId, eps, width } = norm;
    const [hidden, weight] = [
      layout.arenas[0]?.buffers.get(bufferId),
      layout.arenas[0]?.weights.get(weightId),
    ];
    const memory = arenas[0]?.memory.buffer;
    invariant(
      memory !== undefined && hidden !== undefined && weight !== undefined,
      () => "the input of the head lies in arena 0",
    );
    const row = new Float32Array(memory, hidden + 4 * width * tokenRow, width);
    normalizeRow(row, new Float32Array(memory, weight, width), eps, out);
  }

  lastStepTiming(): StepTiming {
    return stepTiming(this.#parts.control.timings, this.#totalMs);
  }

  /** Milliseconds of the last step by kind of operation, mean of the threads. */
  lastStepProfile(): StepProfile {
    return stepProfile(this.#parts.control.timings);
  }

  onIdleFailure(listener: (cause: Error) => void): void {
    this.#onIdleFailure = listener;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    const { workers, control } = this.#parts;
    control.command[commandWords.command] = commands.close;
    advance(control.gate);
    const exits = workers.map((worker) =>
      worker.threadId < 0 ? null : new Promise((resolve) => worker.once("exit", resolve)),
    );
    // Waiting threads end by themselves; a thread that hangs in a kernel must be terminated.
    if (hasFailed(control.barrier) || this.#isStepping) for (const worker of workers) void worker.terminate();
    await Promise.all(exits);
  }

  /** Called when a thread has ended: releases the threads that wait for it, and the running step. */
  #releaseWaiting(): void {
    if (this.#isClosing) return;
    failInstance(this.#parts.control);
  }

  /** Makes the running step reject; if no step runs, tells the listener. */
  #fail(cause: unknown): void {
    const failure = failureOf(cause);
    this.#failure.resolve(failure);
    if (!this.#isStepping && !this.#isClosing) this.#onIdleFailure(failure);
  }
}

/** Copies the blocks of a KV region that begins at `offset`: from pairs[0] to pairs[1] and so on. */
function copyWithin(
  bytes: Uint8Array | undefined,
  offset: number,
  blockBytes: number,
  pairs: readonly number[],
): void {
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const from = offset + (pairs[i] as number) * blockBytes;
    bytes?.copyWithin(offset + (pairs[i + 1] as number) * blockBytes, from, from + blockBytes);
  }
}

function failureOf(cause: unknown): PagodaError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new PagodaError("engine_failed", `A compute thread died${why}.`, {
    hint: "Restart the instance.",
    cause,
  });
}
