/** @module A program loaded into plain arrays: every other backend is compared with it. */
import { invariant } from "../../core/errors.ts";
import type {
  Allocation,
  BackendLimits,
  LoadedModel,
  LoadProgress,
  ReleasedMemory,
  StepTiming,
} from "../backend.ts";
import { type FinalNorm, finalNormOf, normalizeRow } from "../hidden-state.ts";
import type { Operation, Program } from "../program.ts";
import { allocateStep, type StepMemory } from "../step-memory.ts";
import type { KvPrecision } from "./kv-rounding.ts";
import { KvStore } from "./kv-store.ts";
import { runOperation } from "./operations.ts";
import { sampleRow } from "./sampling.ts";
import { readWeight } from "./weight-reader.ts";
import { matrixOf, row, type Workspace } from "./workspace.ts";

export class ReferenceModel implements LoadedModel {
  readonly kernels = { name: "reference" };
  readonly sharedPrefixTokens = 0;
  readonly allocations: readonly Allocation[];
  readonly #program: Program;
  readonly #finalNorm: FinalNorm | null;
  readonly #space: Workspace;
  readonly #step: StepMemory;
  #stepMs = 0;

  constructor(
    program: Program,
    limits: BackendLimits,
    precision: KvPrecision,
    onProgress: (progress: LoadProgress) => void,
  ) {
    this.#program = program;
    this.#finalNorm = finalNormOf(program);
    this.#step = allocateStep(limits, program.vocabularyWidth);
    this.#space = {
      inputs: this.#step.inputs,
      blockSize: limits.blockSize,
      buffers: program.buffers.map(({ width }) => ({
        data: new Float32Array(limits.maxNumBatchedTokens * width),
        width,
      })),
      weights: loadWeights(program, onProgress),
      ropeTables: program.ropeTables,
      kvStores: program.kvLayers.map(
        (layer) => new KvStore(layer, limits.numBlocks * limits.blockSize, precision),
      ),
    };
    this.allocations = allocationsOf(program, this.#space, this.#step);
  }

  get inputs() {
    return this.#step.inputs;
  }

  get results() {
    return this.#step.results;
  }

  /** All output rows are one piece: `logitsRow` is valid for each of them until the next step. */
  async step(writeMasks: () => void = () => undefined): Promise<void> {
    const started = performance.now();
    const { inputs, results } = this.#step;
    writeMasks();
    const run = (operation: Operation, numRows: number): void =>
      runOperation(this.#space, operation, numRows);
    for (const operation of this.#program.body) run(operation, inputs.numTokens);
    for (const operation of this.#program.head) run(operation, inputs.numOutputs);
    for (let o = 0; o < inputs.numOutputs; o++) sampleRow(this.logitsRow(o), o, inputs.sampling, results);
    this.#stepMs = performance.now() - started;
  }

  copyBlocks(pairs: readonly number[]): void {
    for (let i = 0; i + 1 < pairs.length; i += 2)
      for (const store of this.#space.kvStores)
        store.copyBlock(pairs[i] as number, pairs[i + 1] as number, this.#space.blockSize);
  }

  logitsRow(outputRow: number): Float32Array {
    return row(matrixOf(this.#space.buffers, this.#program.logits), outputRow);
  }

  get hiddenWidth(): number {
    return this.#finalNorm?.width ?? 0;
  }

  readHidden(tokenRow: number, out: Float32Array): void {
    const norm = this.#finalNorm;
    invariant(norm !== null, () => "the program's head begins without a norm");
    const { bufferId, weightId, eps } = norm;
    const hidden = row(matrixOf(this.#space.buffers, bufferId), tokenRow);
    normalizeRow(hidden, matrixOf(this.#space.weights, weightId).data, eps, out);
  }

  lastStepTiming(): StepTiming {
    return { totalMs: this.#stepMs, kernelMs: this.#stepMs, barrierMs: 0 };
  }

  release(): ReleasedMemory {
    return {
      releasedBytes: 0,
      keptBecause: "the reference backend keeps its numbers in ordinary memory of the process",
    };
  }

  async restore(): Promise<void> {
    await Promise.resolve();
  }

  /** All of it is ordinary memory, which the garbage collector frees. */
  async close(): Promise<void> {
    await Promise.resolve();
  }
}

function loadWeights(program: Program, onProgress: (progress: LoadProgress) => void): Workspace["weights"] {
  const totalBytes = program.weights.reduce((sum, { origin }) => sum + origin.numBytes, 0);
  let loadedBytes = 0;
  return program.weights.map((weight) => {
    const data = readWeight(weight);
    loadedBytes += weight.origin.numBytes;
    onProgress({ loadedBytes, totalBytes });
    return { data, width: weight.numCols };
  });
}

function allocationsOf(program: Program, space: Workspace, step: StepMemory): readonly Allocation[] {
  return [
    ...program.weights.map(({ name, weightId }): Allocation => {
      const numBytes = matrixOf(space.weights, weightId).data.byteLength;
      return { component: "weights", name, numBytes };
    }),
    ...program.buffers.map(({ name, bufferId }): Allocation => {
      const numBytes = matrixOf(space.buffers, bufferId).data.byteLength;
      return { component: "workspace", name, numBytes };
    }),
    ...space.kvStores.map(
      ({ numBytes }, layer): Allocation => ({ component: "kvPool", name: `layer ${layer}`, numBytes }),
    ),
    { component: "tables", name: "step", numBytes: step.numBytes },
  ];
}
