/**
 * @module Tunes an engine that must be started again for another setting: each value of each knob once, then the best of
 * them together, then the best in turns with the present one. Two servers stay up, so that turns need no start.
 */
import { changedWords, shortcomingOf, valueIn } from "../engines/restarted-engines.ts";
import { compareOutcomes, type Goal, type Outcome } from "../goal/goal.ts";
import { firstMeasuredSeed, type TrafficSource } from "../options/load-options.ts";
import {
  type Contender,
  type Screened,
  Tournament,
  type TournamentResult,
  type Trial,
} from "../search/tournament.ts";
import { flagsText, type Pruned } from "../space/candidates.ts";
import type { Knob } from "../space/knobs.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { EngineServers, type ServerStart } from "./engine-servers.ts";

type Knobs = Readonly<Record<string, string>>;

export interface ServerTuneInputs {
  readonly start: ServerStart;
  readonly knobs: readonly Knob[];
  readonly goal: Goal;
  readonly source: TrafficSource;
  readonly numRequests: number;
  readonly maxTrials: number;
  readonly warmUp: Traffic;
  readonly onTrial: (trial: Trial, numDone: number) => void;
  readonly stop: AbortSignal;
}

export interface ServerTuneResult {
  readonly result: TournamentResult;
  readonly pruned: readonly Pruned[];
  readonly numStarts: number;
  readonly winnerWords: readonly string[] | null;
}

const mostRunning = 2;

export async function tuneServers(inputs: ServerTuneInputs): Promise<ServerTuneResult> {
  const { start, knobs, source, numRequests, goal } = inputs;
  const servers = new EngineServers(mostRunning, inputs.warmUp);
  const single = knobs.flatMap(({ name, values }) => values.map((value): Knobs => ({ [name]: value })));
  const pruned: Pruned[] = single.flatMap((change) => {
    const reason = shortcomingOf(start.engine, changedWords(start.words, change), source.longest);
    return reason === null ? [] : [{ knobs: change, reason }];
  });
  const kept = single.filter(
    (change) => !pruned.some((entry) => entry.knobs === change) && !isPresent(start.words, change),
  );
  const knobsOf = new Map<Contender, Knobs>();
  const contender = (change: Knobs): Contender => {
    const made = serverContender(servers, start, change);
    knobsOf.set(made, change);
    return made;
  };
  const tournament = new Tournament(contender({}), {
    ...inputs,
    traffic: (seed) => source.traffic(source.firstSeed + seed, numRequests),
    firstSeed: firstMeasuredSeed,
  });
  try {
    const result = await tournament.run(inTurns(kept, knobs).map(contender), (screened, present) => {
      const together = bestTogether(goal, screened, present, knobsOf);
      return together === null ? null : contender(together);
    });
    const winner = result.winner === null ? null : (knobsOf.get(result.winner) ?? null);
    return {
      result,
      pruned,
      numStarts: servers.numStarts,
      winnerWords: winner === null ? null : changedWords(start.words, winner),
    };
  } finally {
    await servers.close();
  }
}

/** One value of each knob, then the next of each: few trials see every knob. */
function inTurns(changes: readonly Knobs[], knobs: readonly Knob[]): readonly Knobs[] {
  const byKnob = knobs.map(({ name }) => changes.filter((change) => name in change));
  const most = Math.max(0, ...byKnob.map((list) => list.length));
  const turns = Array.from({ length: most }, (_, i) => byKnob.map((list) => list[i]));
  return turns.flat().filter((change) => change !== undefined);
}

/** The best value of each knob that was better than the present one; null where fewer than two were. */
function bestTogether(
  goal: Goal,
  screened: readonly Screened[],
  present: Outcome,
  knobsOf: ReadonlyMap<Contender, Knobs>,
): Knobs | null {
  const together: Record<string, string> = {};
  const sorted = [...screened].sort((a, b) => compareOutcomes(goal, a.outcome, b.outcome));
  for (const { contender, outcome } of sorted)
    for (const [name, value] of Object.entries(knobsOf.get(contender) ?? {}))
      if (compareOutcomes(goal, outcome, present) < 0) together[name] ??= value;
  return Object.keys(together).length < 2 ? null : together;
}

function serverContender(servers: EngineServers, start: ServerStart, change: Knobs): Contender {
  const changed = { ...start, words: changedWords(start.words, change) };
  return {
    flags: flagsText(change),
    // What a process holds is known once it runs; goals about memory are for our own engine.
    memoryBytes: 0,
    measure: (traffic, stop) => servers.measure(changed, traffic, stop),
    predict: () => null,
  };
}

function isPresent(words: readonly string[], change: Knobs): boolean {
  return Object.entries(change).every(([name, value]) => valueIn(words, name) === value);
}
