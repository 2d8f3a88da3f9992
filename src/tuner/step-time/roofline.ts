/**
 * @module The time of a step on a machine that is not at hand: the larger of the time to read its bytes and the time to
 * multiply its numbers, as a roofline has it. An estimate: real kernels reach a part of either roof.
 */
import type { StepTime } from "./step-time.ts";

export interface Roofline {
  /** Bytes that a step of one token reads once, whatever its size: the weights. */
  readonly weightBytes: number;
  /** Of a token's keys and values, all layers. */
  readonly kvBytesPerToken: number;
  /** Multiplications and additions of the weights for one token: about twice their number. */
  readonly flopsPerToken: number;
  /** Of attention for one token and one attended position. */
  readonly flopsPerAttended: number;
  readonly bytesPerSecond: number;
  readonly flopsPerSecond: number;
  /** What a step costs besides: starts of kernels, the scheduler, sampling. */
  readonly overheadMs: number;
}

export function rooflineStepTime(roofline: Roofline): StepTime {
  return {
    ms: (step) => {
      const attended = step.numAttendedByDecodes + step.numSharedByDecodes + step.numAttendedByPrompts;
      // A chunk of a prompt reads the keys before it once for all its tokens.
      const keysRead = step.numAttendedByDecodes + step.numAttendedByPrompts / Math.max(1, step.numTokens);
      const bytes = roofline.weightBytes + keysRead * roofline.kvBytesPerToken;
      const flops = step.numTokens * roofline.flopsPerToken + attended * roofline.flopsPerAttended;
      const seconds = Math.max(bytes / roofline.bytesPerSecond, flops / roofline.flopsPerSecond);
      return roofline.overheadMs + 1000 * seconds;
    },
    origin: "estimated from memory bandwidth and arithmetic alone",
    medianError: null,
    mostTokensMeasured: null,
  };
}
