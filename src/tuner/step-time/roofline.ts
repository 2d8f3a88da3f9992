/**
 * @module The time of a step on a machine that is not at hand: the larger of the time to read its bytes and the time to
 * multiply its numbers, as a roofline has it. An estimate: real kernels reach a part of either roof.
 */
import type { PreparedInstance } from "../../instance/index.ts";
import type { StepTime } from "./step-time.ts";

export interface Machine {
  readonly bytesPerSecond: number;
  /** Multiplications and additions, each counted. */
  readonly flopsPerSecond: number;
  /** What a step costs besides: starts of kernels, the scheduler, sampling. */
  readonly overheadMs: number;
}

/** What a step of a model reads and multiplies. */
export interface ModelWork {
  /** Read once by a step, whatever its size. */
  readonly weightBytes: number;
  /** Of a token's keys and values, all layers. */
  readonly kvBytesPerToken: number;
  /** Of the layers' matrices, for one token. */
  readonly flopsPerToken: number;
  /** Of the head, for one row of logits. */
  readonly flopsPerOutput: number;
  /** Of attention, for one token and one position that it attends to. */
  readonly flopsPerAttended: number;
}

/** A matrix of n numbers takes n multiplications and n additions for a token. */
export function workOf({ plan, program }: PreparedInstance): ModelWork {
  const matrices = program.weights.filter(({ role }) => role === "matrix");
  const numbersOf = (isLayer: boolean): number[] =>
    matrices
      .filter(({ layer }) => (layer !== null) === isLayer)
      .map(({ numRows, numCols }) => numRows * numCols);
  const headDims = program.kvLayers.map(({ headDim }) => headDim);
  const attention = program.body.flatMap((operation) =>
    operation.kind === "attention" ? [operation.numHeads * (headDims[operation.kvLayer] ?? 0)] : [],
  );
  return {
    weightBytes: plan.footprint.components.weights,
    kvBytesPerToken: plan.bytesPerBlock / plan.limits.blockSize,
    flopsPerToken: 2 * sum(numbersOf(true)),
    // The embedding is looked up; where it is the head too, there is one matrix for both.
    flopsPerOutput: 2 * Math.max(0, ...numbersOf(false)),
    // A dot product with the key, and the value added with its weight.
    flopsPerAttended: 4 * sum(attention),
  };
}

export function rooflineStepTime(work: ModelWork, machine: Machine): StepTime {
  return {
    ms: (step) => {
      const attended = step.numAttendedByDecodes + step.numSharedByDecodes + step.numAttendedByPrompts;
      // A chunk of a prompt reads the keys before it once for all its tokens.
      const keysRead = step.numAttendedByDecodes + step.numAttendedByPrompts / Math.max(1, step.numTokens);
      const bytes = work.weightBytes + keysRead * work.kvBytesPerToken;
      const flops =
        step.numTokens * work.flopsPerToken +
        step.numOutputs * work.flopsPerOutput +
        attended * work.flopsPerAttended;
      const seconds = Math.max(bytes / machine.bytesPerSecond, flops / machine.flopsPerSecond);
      return machine.overheadMs + 1000 * seconds;
    },
    origin: "estimated from memory bandwidth and arithmetic alone",
    medianError: null,
    mostTokensMeasured: null,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
