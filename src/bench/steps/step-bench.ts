/** @module Steps of a loaded model without a server: their duration, how it divides, and how close it is to the limit of memory. */
import type { BackendLimits, LoadedModel, Program } from "../../backend/backend.ts";
import { createBackend, type KernelChoice, measureReadBandwidth } from "../../backend/create/index.ts";
import { blocksOfLength, kvBlockBytes } from "../../core/kv-layout.ts";
import { median } from "../../core/statistics.ts";

export interface StepShape {
  readonly name: string;
  readonly numSequences: number;
  /** Tokens of each sequence in the step. */
  readonly numTokens: number;
  /** Tokens of each sequence that are in the KV cache before the step. */
  readonly numContextTokens: number;
  /** How many of these lie in blocks that one half of the sequences shares; the other half shares others. */
  readonly numSharedTokens?: number;
}

/** Milliseconds of a step by kind of operation, mean of the threads. */
type StepProfile = Readonly<Record<string, number>>;

export interface StepFigure {
  readonly shape: StepShape;
  readonly medianMs: number;
  /** Of the step with the median duration. */
  readonly profile: StepProfile;
  /** Weights and KV that a step of one token reads. */
  readonly bytesTouched: number;
  /** For a step of one token, the bytes a second of reading alone, the mean of just before and just after; else null. */
  readonly bandwidth: number | null;
}

const blockSize = 16;
/** Steps are repeated for at least this long: V8 runs new code slowly at first, and a server takes thousands of steps. */
const leastMs = 500;
const numWarmUpSteps = 5;
const maxNumBatchedTokens = 512;
const maxNumSeqs = 32;

/** Loads `program` on the CPU backend, runs each shape at least `numSteps` times, closes it. */
export async function benchSteps(
  program: Program,
  kernels: KernelChoice,
  numThreads: number,
  shapes: readonly StepShape[],
  numSteps: number,
): Promise<{ readonly kernels: string; readonly loadMs: number; readonly figures: readonly StepFigure[] }> {
  const backend = await createBackend({ name: "cpu", kernels, numThreads });
  const startedMs = performance.now();
  const model = await backend.load(program, limitsOf(shapes));
  const loadMs = performance.now() - startedMs;
  try {
    const figures: StepFigure[] = [];
    for (const shape of shapes) {
      // The bandwidth changes with the load of the machine's neighbors: only the same moment is comparable.
      const before = await bandwidthNow(shape, numThreads);
      const figure = await benchShape(model, program, shape, numSteps);
      const after = await bandwidthNow(shape, numThreads);
      figures.push({ ...figure, bandwidth: before === null || after === null ? null : (before + after) / 2 });
    }
    return { kernels: model.kernels.name, loadMs, figures };
  } finally {
    await model.close();
  }
}

/**
 * Milliseconds of steps of `program`, divided among `numRanks` and whole, both with `numThreads` in all: the median step of each
 * round, by shape. The sides take turns within a round, and the one that begins changes with every round.
 */
export async function benchRanks(
  program: Program,
  kernels: KernelChoice,
  { numThreads, numRanks }: { readonly numThreads: number; readonly numRanks: number },
  shapes: readonly StepShape[],
  numRounds: number,
): Promise<readonly { readonly shape: StepShape; readonly dividedMs: number; readonly wholeMs: number }[]> {
  const limits = limitsOf(shapes);
  const models: LoadedModel[] = [];
  try {
    for (const ranks of [numRanks, 1]) {
      const backend = await createBackend({ name: "cpu", kernels, numThreads, numRanks: ranks });
      models.push(await backend.load(program, limits));
    }
    const rounds: { readonly side: number; readonly shape: StepShape; readonly ms: number }[] = [];
    for (let round = 0; round < numRounds; round++)
      for (const shape of shapes)
        for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
          const model = models[side] as LoadedModel;
          rounds.push({ side, shape, ms: (await benchShape(model, program, shape, 1)).medianMs });
        }
    const medianOf = (side: number, shape: StepShape): number =>
      median(rounds.filter((own) => own.side === side && own.shape === shape).map(({ ms }) => ms));
    return shapes.map((shape) => ({ shape, dividedMs: medianOf(0, shape), wholeMs: medianOf(1, shape) }));
  } finally {
    for (const model of models) await model.close();
  }
}

function limitsOf(shapes: readonly StepShape[]): BackendLimits {
  return {
    blockSize,
    numBlocks: Math.max(...shapes.map((shape) => shape.numSequences * blocksOf(shape))),
    kvDtype: "f16",
    maxModelLen: Math.max(...shapes.map((shape) => shape.numContextTokens + shape.numTokens)),
    maxNumSeqs,
    maxNumBatchedTokens,
    maxLogprobs: 1,
  };
}

function bandwidthNow(shape: StepShape, numThreads: number): Promise<number | null> {
  return shape.numTokens * shape.numSequences > 1 ? Promise.resolve(null) : measureReadBandwidth(numThreads);
}

const blocksOf = (shape: StepShape): number =>
  blocksOfLength(shape.numContextTokens + shape.numTokens, blockSize);

async function benchShape(
  model: LoadedModel,
  program: Program,
  shape: StepShape,
  numSteps: number,
): Promise<Omit<StepFigure, "bandwidth">> {
  writeInputs(model, shape, program.vocabularyWidth);
  await runSteps(model, numWarmUpSteps);
  const steps = await runSteps(model, numSteps);
  const medianMs = median(steps.map(({ ms }) => ms));
  const nearest = steps.reduce((best, step) =>
    Math.abs(step.ms - medianMs) < Math.abs(best.ms - medianMs) ? step : best,
  );
  return { shape, medianMs, profile: nearest.profile, bytesTouched: bytesTouched(model, program, shape) };
}

interface TimedStep {
  readonly ms: number;
  readonly profile: StepProfile;
}

/** Runs at least `fewestSteps` steps, and for at least `leastMs`. */
async function runSteps(model: LoadedModel, fewestSteps: number): Promise<TimedStep[]> {
  const steps: TimedStep[] = [];
  const startedMs = performance.now();
  while (steps.length < fewestSteps || performance.now() - startedMs < leastMs) {
    await model.step();
    steps.push({ ms: model.lastStepTiming().totalMs, profile: model.lastStepProfile?.() ?? {} });
  }
  return steps;
}

/** Writes the inputs of a step; every sequence's last token is sampled greedily. */
function writeInputs(model: LoadedModel, shape: StepShape, vocabularyWidth: number): void {
  const { inputs } = model;
  const numBlocks = blocksOf(shape);
  const numSharedBlocks = Math.floor((shape.numSharedTokens ?? 0) / blockSize);
  let row = 0;
  for (let slice = 0; slice < shape.numSequences; slice++) {
    inputs.sliceStarts[slice] = row;
    const half = slice < shape.numSequences / 2 ? 0 : Math.ceil(shape.numSequences / 2);
    for (let i = 0; i < numBlocks; i++)
      inputs.blockTables[slice * inputs.maxBlocksPerSequence + i] =
        (i < numSharedBlocks ? half : slice) * numBlocks + i;
    for (let i = 0; i < shape.numTokens; i++, row++) {
      const position = shape.numContextTokens + i;
      inputs.tokenIds[row] = (7919 * (row + 1)) % vocabularyWidth;
      inputs.positions[row] = position;
      inputs.slots[row] = slice * numBlocks * blockSize + position;
    }
    inputs.outputRows[slice] = row - 1;
    inputs.sampling.targetTokenIds[slice] = -1;
    inputs.sampling.temperature[slice] = 0;
  }
  inputs.sliceStarts[shape.numSequences] = row;
  inputs.numTokens = row;
  inputs.numSlices = shape.numSequences;
  inputs.numOutputs = shape.numSequences;
}

/** Every matrix of the layers and the head once, and the keys and values of the context. */
function bytesTouched(model: LoadedModel, program: Program, shape: StepShape): number {
  const weights = model.allocations.reduce(
    (sum, { component, numBytes }) => (component === "weights" ? sum + numBytes : sum),
    0,
  );
  const kv = kvBlockBytes("f16", program.kvLayers, blockSize);
  return weights + (kv * shape.numSequences * shape.numContextTokens) / blockSize;
}
