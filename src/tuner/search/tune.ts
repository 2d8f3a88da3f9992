/** @module Finds a setting of our own engine for a goal: prune, simulate, measure in turns. */

import type { Values } from "../../core/options/read-options.ts";
import { compareOutcomes, figureOf, type Goal } from "../goal/goal.ts";
import { firstMeasuredSeed, simulatedSeeds } from "../options/load-options.ts";
import type { tuneOptions } from "../options/tune-options.ts";
import { flagsText, stepTimeKeyOf } from "../space/candidates.ts";
import type { StepTime } from "../step-time/step-time.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { ownContender } from "./own-contender.ts";
import { type Ranked, rank, requestsFor, sharedPrefixTokens } from "./rank.ts";
import { calibrateKinds, presentSimulation, type Setup, trialEngine } from "./setup.ts";
import { numChallengersFor, Tournament, type TournamentResult, type Trial } from "./tournament.ts";

export interface TuneHooks {
  /** Changes many times a second. */
  readonly progress: (line: string) => void;
  readonly onTrial: (trial: Trial, numDone: number) => void;
  readonly stop: AbortSignal;
}

export interface TuneResult {
  readonly ranked: readonly Ranked[];
  readonly stepTime: StepTime;
  readonly result: TournamentResult;
  readonly numRequests: number;
  readonly load: string;
  /** Knobs of the winner; null: nothing is better. */
  readonly winner: Readonly<Record<string, string>> | null;
  readonly numLoads: number;
}

const defaultTrials = 20;
const defaultTrialSeconds = 15;

export async function tune(
  setup: Setup,
  goal: Goal,
  values: Pick<Values<typeof tuneOptions>, "trials" | "trialSeconds">,
  hooks: TuneHooks,
): Promise<TuneResult> {
  const engine = trialEngine(setup);
  try {
    const stepTimes = await calibrateKinds(engine, setup, { say: hooks.progress, stop: hooks.stop });
    const seconds = values.trialSeconds?.value ?? defaultTrialSeconds;
    const numRequests = requestsFor(setup.source, seconds, presentSimulation(setup, stepTimes));
    const trafficOf = (seed: number): Traffic =>
      setup.source.traffic(setup.source.firstSeed + seed, numRequests);
    const numAll = setup.kept.length + 1;
    const ranked = await rank([setup.present, ...setup.kept], {
      goal,
      traffics: [trafficOf(0), ...simulatedSeeds.slice(1).map(trafficOf)],
      stepTimes,
      sharedPrefixTokens,
      onSimulated: (numDone) => hooks.progress(`simulating: ${numDone} of ${numAll} settings`),
      stop: hooks.stop,
    });
    const maxTrials = values.trials?.value ?? defaultTrials;
    const challengers = challengersOf(ranked, goal, numChallengersFor(maxTrials));
    const tournament = new Tournament(ownContender(setup.present, engine, stepTimes), {
      goal,
      traffic: trafficOf,
      firstSeed: firstMeasuredSeed,
      maxTrials,
      onTrial: hooks.onTrial,
      stop: hooks.stop,
    });
    const result = await tournament.run(
      challengers.map(({ candidate }) => ownContender(candidate, engine, stepTimes)),
    );
    const winner = challengers.find(({ candidate }) => flagsText(candidate.knobs) === result.winner?.flags);
    return {
      ranked,
      stepTime: stepTimes.get(stepTimeKeyOf(setup.present)) as StepTime,
      result,
      numRequests,
      load: trafficOf(firstMeasuredSeed).description,
      winner: winner?.candidate.knobs ?? null,
      numLoads: engine.numLoads,
    };
  } finally {
    await engine.close();
  }
}

/** Predictions closer than this would be measured as equal. */
const leastDifference = 0.01;

/** The best ones that differ from each other and from the present setting, those that need no restart first. */
function challengersOf(ranked: readonly Ranked[], goal: Goal, most: number): readonly Ranked[] {
  const chosen: Ranked[] = [];
  for (const entry of ranked) {
    if (chosen.length === most) break;
    if (Object.keys(entry.candidate.knobs).length === 0) continue;
    if (!chosen.some((other) => isAlike(goal, entry, other))) chosen.push(entry);
  }
  return chosen;
}

function isAlike(goal: Goal, one: Ranked, other: Ranked): boolean {
  const names = [goal.objective, ...goal.constraints.map(({ metric }) => metric)];
  return (
    compareOutcomes(goal, one.predicted, other.predicted) === 0 ||
    names.every((name) => {
      const [a, b] = [figureOf(name, one.predicted), figureOf(name, other.predicted)];
      return Math.abs(a / b - 1) < leastDifference;
    })
  );
}
