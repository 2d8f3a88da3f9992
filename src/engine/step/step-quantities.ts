/** @module The quantities of a step that its time depends on. */
import type { StepQuantities } from "../../core/generation.ts";
import type { SequenceSlice, StepPlan } from "./step-plan.ts";

/**
 * @param sharedPrefixTokens as in `LoadedModel`: what neighboring decodes share of whole partitions is read once
 */
export function quantitiesOf(plan: StepPlan, sharedPrefixTokens: number, blockSize: number): StepQuantities {
  let numByDecodes = 0;
  let numShared = 0;
  let previous: SequenceSlice | null = null;
  for (const slice of plan.slices) {
    if (slice.numTokens !== 1 || !slice.samplesToken) continue;
    numByDecodes += slice.startPosition + 1;
    numShared += sharedPositions(previous, slice, sharedPrefixTokens, blockSize);
    previous = slice;
  }
  return {
    numTokens: plan.numTokens,
    numSequences: plan.slices.length,
    numOutputs: plan.numOutputs,
    numAttendedByDecodes: numByDecodes - numShared,
    numSharedByDecodes: numShared,
    numAttendedByPrompts: plan.numAttended - numByDecodes,
  };
}

/** Positions of whole partitions that both sequences have in the same blocks. */
function sharedPositions(
  previous: SequenceSlice | null,
  slice: SequenceSlice,
  sharedPrefixTokens: number,
  blockSize: number,
): number {
  const numBlocks = Math.floor(sharedPrefixTokens / blockSize);
  if (previous === null || numBlocks === 0) return 0;
  const [one, other] = [previous.sequence.table, slice.sequence.table];
  const most = Math.floor(Math.min(previous.startPosition, slice.startPosition) / sharedPrefixTokens);
  let numShared = 0;
  // Equal blocks at one place have equal blocks before them: a prefix is published block by block.
  while (
    numShared < most &&
    one.at((numShared + 1) * numBlocks - 1) === other.at((numShared + 1) * numBlocks - 1)
  )
    numShared++;
  return numShared * sharedPrefixTokens;
}
