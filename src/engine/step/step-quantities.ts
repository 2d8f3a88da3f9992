/** @module The quantities of a step that its time depends on. */
import type { StepPlan } from "./step-plan.ts";

export interface StepQuantities {
  readonly numTokens: number;
  readonly numSequences: number;
  /** Rows of logits. */
  readonly numOutputs: number;
  /** Positions that tokens of decodes attend to, summed. */
  readonly numAttendedByDecodes: number;
  /** Positions that tokens of prompts attend to, summed. */
  readonly numAttendedByPrompts: number;
}

export function quantitiesOf(plan: StepPlan): StepQuantities {
  let numAttendedByDecodes = 0;
  for (const slice of plan.slices)
    if (slice.numTokens === 1 && slice.samplesToken) numAttendedByDecodes += slice.startPosition + 1;
  return {
    numTokens: plan.numTokens,
    numSequences: plan.slices.length,
    numOutputs: plan.numOutputs,
    numAttendedByDecodes,
    numAttendedByPrompts: plan.numAttended - numAttendedByDecodes,
  };
}
