/** @module A setting of our own engine as a contender. */
import { invariant } from "../../core/errors.ts";
import { type Candidate, flagsText, memoryBytesOf, stepTimeKeyOf } from "../space/candidates.ts";
import type { StepTime } from "../step-time/step-time.ts";
import type { TrialEngine } from "../trial/trial-engine.ts";
import { sharedPrefixTokens, simulateSetting } from "./rank.ts";
import type { Contender } from "./tournament.ts";

export function ownContender(
  candidate: Candidate,
  engine: TrialEngine,
  stepTimes: ReadonlyMap<string, StepTime>,
): Contender {
  const key = stepTimeKeyOf(candidate);
  const stepTime = stepTimes.get(key);
  invariant(stepTime !== undefined, () => `no step time for ${key}`);
  return {
    flags: flagsText(candidate.knobs),
    memoryBytes: memoryBytesOf(candidate),
    measure: (traffic, stop) => engine.run(candidate.prepared, traffic, stop),
    predict: (traffic) => simulateSetting(candidate.prepared, traffic, stepTime, sharedPrefixTokens),
  };
}
