/**
 * @module One thread's part of loading: reads slices of weight files into its staging area and repacks them.
 *
 * The scratch of a thread, while loading:   staging | scratch of the repacking kernel | row map
 *
 * Weights are in memory once, in the packed layout; files are read and not mapped.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { PagodaError } from "../../../core/errors.ts";
import { transcode } from "../../encodings/transcode.ts";
import { isTranscoded, repackedBytes, repackedTypeOf } from "../../encodings/transcoded-types.ts";
import { stagingBytes } from "../footprint/buffer-sizes.ts";
import { rowPackBytes, rowsPerPack } from "../footprint/weight-layout.ts";
import { jobBytes, repackScratchBytes } from "../footprint/workspace-layout.ts";
import { type JobValues, type KernelName, storageCodes, tensorTypeCodes, writeJob } from "../kernels/jobs.ts";
import type { ThreadArena, ThreadContext } from "../memory/thread-context.ts";
import { storedRow, type WeightTask, weightTasks } from "./weight-tasks.ts";

/** Offsets of the parts of a thread's scratch in one arena. */
interface Staging {
  readonly arena: ThreadArena;
  readonly data: number;
  readonly kernelScratch: number;
  readonly rowMap: number;
  readonly job: number;
}

export class WeightLoader {
  readonly #context: ThreadContext;
  readonly #stagingBytes: number;
  readonly #openFiles = new Map<string, number>();

  constructor(context: ThreadContext) {
    this.#context = context;
    this.#stagingBytes = stagingBytes(context.program);
  }

  /** Takes tasks from `claim` until all are taken; calls `loaded` with the stored bytes of each finished task. */
  run(claim: Int32Array, loaded: (numBytes: number) => void): void {
    const tasks = weightTasks(this.#context.program, this.#stagingBytes);
    try {
      for (;;) {
        const task = tasks[Atomics.add(claim, 0, 1)];
        if (task === undefined) return;
        loaded(task.weight.role === "vector" ? this.#loadVector(task) : this.#loadRows(task));
      }
    } finally {
      for (const file of this.#openFiles.values()) closeSync(file);
    }
  }

  #loadRows({ weight, firstRow, numRows }: WeightTask): number {
    const staging = this.#staging(weight.weightId);
    const { origin, storage, numCols } = weight;
    const storedRowBytes = origin.numBytes / weight.numRows;
    const headDim = origin.interleavedHeads?.headDim ?? null;
    const rows = stagedRows(firstRow, numRows, headDim);
    this.#stage(staging, weight, rows.first * storedRowBytes, rows.numRows * storedRowBytes);
    if (headDim !== null) writeRowMap(staging, firstRow, numRows, headDim, rows.first);
    const offset = staging.arena.layout.weights.get(weight.weightId) ?? 0;
    const values = {
      source: staging.data,
      sourceRowBytes: repackedBytes(origin.type, storedRowBytes),
      rowMap: headDim === null ? 0 : staging.rowMap,
      out: offset + (firstRow / rowsPerPack) * rowPackBytes(storage, numCols),
      numRows,
      numCols,
      sourceType: tensorTypeCodes[repackedTypeOf(origin.type)],
      storage: storageCodes[storage],
      scratch: staging.kernelScratch,
    };
    runKernel(staging, "repackMatrix", values, Math.ceil(numRows / rowsPerPack));
    return numRows * storedRowBytes;
  }

  #loadVector({ weight }: WeightTask): number {
    const staging = this.#staging(weight.weightId);
    const { origin, numCols } = weight;
    const headDim = origin.interleavedHeads?.headDim ?? null;
    this.#read(staging, weight, { start: 0, numBytes: origin.numBytes, at: staging.data });
    if (headDim !== null) writeRowMap(staging, 0, numCols, headDim, 0);
    const values = {
      source: staging.data,
      elementMap: headDim === null ? 0 : staging.rowMap,
      out: staging.arena.layout.weights.get(weight.weightId) ?? 0,
      sourceType: tensorTypeCodes[repackedTypeOf(origin.type)],
      addend: origin.addOne === true ? 1 : 0,
    };
    runKernel(staging, "repackVector", values, numCols);
    return origin.numBytes;
  }

  /** Bytes [start, start + numBytes) of a weight, in the encoding that the kernels read, into the staging area. */
  #stage(staging: Staging, weight: WeightTask["weight"], start: number, numBytes: number): void {
    const { type, factor = 1 } = weight.origin;
    const at = staging.data + repackedBytes(type, numBytes) - numBytes;
    this.#read(staging, weight, { start, numBytes, at });
    if (!isTranscoded(type)) return;
    const { buffer } = staging.arena.views.u8;
    const out = new DataView(buffer, staging.data, repackedBytes(type, numBytes));
    transcode(type, new DataView(buffer, at, numBytes), out, factor);
  }

  /** Reads bytes [start, start + numBytes) of a weight as stored to `at`. */
  #read(
    staging: Staging,
    { name, origin }: WeightTask["weight"],
    { start, numBytes, at }: { readonly start: number; readonly numBytes: number; readonly at: number },
  ): void {
    const file = this.#openFiles.get(origin.path) ?? openSync(origin.path, "r");
    this.#openFiles.set(origin.path, file);
    let done = 0;
    while (done < numBytes) {
      const position = origin.byteOffset + start + done;
      const numRead = readSync(file, staging.arena.views.u8, at + done, numBytes - done, position);
      if (numRead === 0)
        throw new PagodaError(
          "model_invalid",
          `${origin.path} ends at byte ${position}, inside the tensor ${name}.`,
          {
            hint: "The file changed while it was read, or its download is incomplete: fetch it again.",
          },
        );
      done += numRead;
    }
  }

  #staging(weightId: number): Staging {
    const { arenas, thread, layout } = this.#context;
    const arena =
      arenas.find((candidate) => candidate.layout.weights.has(weightId)) ?? (arenas[0] as ThreadArena);
    const data = arena.layout.scratch[thread] ?? 0;
    return {
      arena,
      data,
      kernelScratch: data + this.#stagingBytes,
      rowMap: data + this.#stagingBytes + repackScratchBytes,
      job: arena.layout.jobs + thread * layout.jobsPerThread * jobBytes,
    };
  }
}

/** The stored rows that destination rows [firstRow, firstRow + numRows) come from, as one range. */
function stagedRows(
  firstRow: number,
  numRows: number,
  headDim: number | null,
): { readonly first: number; readonly numRows: number } {
  if (headDim === null) return { first: firstRow, numRows };
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (let row = firstRow; row < firstRow + numRows; row++) {
    const stored = storedRow(row, headDim);
    first = Math.min(first, stored);
    last = Math.max(last, stored);
  }
  return { first, numRows: last - first + 1 };
}

function writeRowMap(
  { arena, rowMap }: Staging,
  firstRow: number,
  numRows: number,
  headDim: number,
  firstStaged: number,
): void {
  for (let row = 0; row < numRows; row++)
    arena.views.i32[rowMap / 4 + row] = storedRow(firstRow + row, headDim) - firstStaged;
}

function runKernel<K extends KernelName>(
  { arena, job }: Staging,
  kernelName: K,
  values: JobValues<K>,
  end: number,
): void {
  writeJob(arena.views, job, kernelName, values, { start: 0, end }, arena.baseAddress);
  arena.kernelSet.kernels[kernelName](job);
}
