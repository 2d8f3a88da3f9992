/** @module Ranks settings by simulation: thousands a minute, none of them started. */
import { invariant } from "../../core/errors.ts";
import type { PreparedInstance } from "../../instance/index.ts";
import { compareOutcomes, type Goal, type Outcome } from "../goal/goal.ts";
import { mostLookedAt, type TrafficSource } from "../options/load-options.ts";
import { simulate } from "../simulate/simulate.ts";
import { type Candidate, memoryBytesOf, stepTimeKeyOf } from "../space/candidates.ts";
import type { StepTime } from "../step-time/step-time.ts";
import type { LoadFigures } from "../traffic/figures.ts";
import type { Traffic } from "../traffic/traffic.ts";

export interface Ranked {
  readonly candidate: Candidate;
  readonly predicted: Outcome;
  /** Further candidates with the same figures: what differs makes no difference under this load. */
  readonly numEqual: number;
}

/** As the CPU backend has it (`LoadedModel.sharedPrefixTokens`). */
export const sharedPrefixTokens = 512;
/** As an engine expects before any output has ended. */
const expectedOutputTokens = 128;

export function simulateSetting(
  { plan, settings }: PreparedInstance,
  traffic: Traffic,
  stepTime: StepTime,
  sharedPrefixTokens: number,
): LoadFigures {
  return simulate(traffic, {
    limits: plan.limits,
    prefixCaching: settings.prefixCaching.value,
    maxStepMs: settings.maxStepMs.value,
    sharedPrefixTokens,
    expectedOutputTokens,
    stepMs: stepTime.ms,
  });
}

/** Requests with which a load takes about `seconds` under this setting; at least one for each user, and `least`. */
export function requestsFor(
  source: TrafficSource,
  seconds: number,
  simulated: (traffic: Traffic) => LoadFigures,
): number {
  if (source.numRequests !== null) return source.numRequests;
  let numRequests = leastRequests;
  while (numRequests < mostLookedAt) {
    const traffic = source.traffic(source.firstSeed, numRequests);
    const taken = simulated(traffic).seconds;
    if (traffic.requests.length < numRequests || taken > seconds) {
      const least = Math.max(leastRequests, traffic.numUsers ?? 0);
      return Math.min(traffic.requests.length, Math.max(least, Math.floor(numRequests * (seconds / taken))));
    }
    numRequests *= 2;
  }
  return numRequests;
}

const leastRequests = 8;

export interface RankInputs {
  readonly goal: Goal;
  readonly traffics: readonly [Traffic, ...Traffic[]];
  readonly stepTimes: ReadonlyMap<string, StepTime>;
  readonly sharedPrefixTokens: number;
  readonly onSimulated: (numDone: number) => void;
  readonly stop: AbortSignal;
}

const numLookedAtAgain = 24;

/**
 * The best first. Every candidate is simulated under the first traffic, the best ones under the others too. Of those
 * with equal figures the one that takes least memory stays.
 */
export async function rank(candidates: readonly Candidate[], inputs: RankInputs): Promise<readonly Ranked[]> {
  const [first, ...others] = inputs.traffics;
  const byFigures = new Map<string, Ranked>();
  const { objective, constraints } = inputs.goal;
  const isAboutMemory = [objective, ...constraints.map(({ metric }) => metric)].includes("memory");
  let numDone = 0;
  for (const candidate of candidates) {
    inputs.stop.throwIfAborted();
    const predicted = outcomeUnder(candidate, [first], inputs);
    const key = JSON.stringify([predicted.figures, isAboutMemory ? predicted.memoryBytes : null]);
    byFigures.set(key, cheaper(byFigures.get(key), { candidate, predicted, numEqual: 0 }));
    inputs.onSimulated(++numDone);
    if (numDone % 16 === 0) await nextTurn();
  }
  const ranked = sorted([...byFigures.values()], inputs.goal);
  const again = ranked.slice(0, numLookedAtAgain).map((entry) => ({
    ...entry,
    predicted: outcomeUnder(entry.candidate, [first, ...others], inputs),
  }));
  return [...sorted(again, inputs.goal), ...ranked.slice(numLookedAtAgain)];
}

function cheaper(known: Ranked | undefined, found: Ranked): Ranked {
  if (known === undefined) return found;
  // The present setting wins against changes that change nothing.
  const isPresent = Object.keys(known.candidate.knobs).length === 0;
  const better = !isPresent && found.predicted.memoryBytes < known.predicted.memoryBytes ? found : known;
  return { ...better, numEqual: known.numEqual + 1 };
}

function sorted(entries: readonly Ranked[], goal: Goal): Ranked[] {
  return [...entries].sort((a, b) => compareOutcomes(goal, a.predicted, b.predicted));
}

/** Means over the traffics. */
export function outcomeUnder(
  candidate: Candidate,
  traffics: readonly Traffic[],
  { stepTimes, sharedPrefixTokens }: Pick<RankInputs, "stepTimes" | "sharedPrefixTokens">,
): Outcome {
  const stepTime = stepTimes.get(stepTimeKeyOf(candidate));
  invariant(stepTime !== undefined, () => `no step time for ${stepTimeKeyOf(candidate)}`);
  const all = traffics.map((traffic) =>
    simulateSetting(candidate.prepared, traffic, stepTime, sharedPrefixTokens),
  );
  return { figures: meanFigures(all), memoryBytes: memoryBytesOf(candidate) };
}

function meanFigures(all: readonly LoadFigures[]): LoadFigures {
  const [first] = all;
  invariant(first !== undefined, () => "a mean of no figures");
  const names = Object.keys(first) as (keyof LoadFigures)[];
  return Object.fromEntries(
    names.map((name) => [name, all.reduce((sum, figures) => sum + figures[name], 0) / all.length]),
  ) as unknown as LoadFigures;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
