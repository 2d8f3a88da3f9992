/** @module What settings would come to under a load: the whole of `pagoda simulate` but its printing. */
import { PagodaError } from "../../core/errors.ts";
import type { Values } from "../../core/options/read-options.ts";
import { describeGoal, type Goal, type Outcome } from "../goal/goal.ts";
import { simulatedSeeds } from "../options/load-options.ts";
import type { simulateOptions } from "../options/simulate-options.ts";
import { type Candidate, flagsText, type Pruned, stepTimeKeyOf } from "../space/candidates.ts";
import { type Machine, rooflineStepTime, workOf } from "../step-time/roofline.ts";
import type { StepTime } from "../step-time/step-time.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { outcomeUnder, rank, requestsFor, sharedPrefixTokens } from "./rank.ts";
import { calibrateKinds, presentSimulation, type Setup, trialEngine } from "./setup.ts";

export interface SimulatedSetting {
  /** Flags that differ from the present setting; empty: the present setting. */
  readonly flags: string;
  readonly predicted: Outcome;
  readonly numEqual: number;
}

export interface SimulationReport {
  readonly goal: string;
  readonly load: string;
  readonly stepTimes: { readonly origin: string; readonly medianError: number | null };
  readonly present: SimulatedSetting;
  /** The best first. */
  readonly settings: readonly SimulatedSetting[];
  readonly pruned: readonly Pruned[];
  readonly secondsTaken: number;
}

export interface SimulationHooks {
  readonly say: (line: string) => void;
  readonly stop: AbortSignal;
}

const defaultSeconds = 15;
const defaultOverheadMs = 1;

export async function simulateSettings(
  setup: Setup,
  goal: Goal,
  values: Pick<Values<typeof simulateOptions>, "bandwidth" | "flops" | "stepOverhead" | "trialSeconds">,
  { say, stop }: SimulationHooks,
): Promise<SimulationReport> {
  const machine = machineFrom(values);
  const stepTimes =
    machine === null ? await measuredStepTimes(setup, { say, stop }) : estimatedStepTimes(setup, machine);
  const seconds = values.trialSeconds?.value ?? defaultSeconds;
  const numRequests = requestsFor(setup.source, seconds, presentSimulation(setup, stepTimes));
  const { source } = setup;
  const first = source.traffic(source.firstSeed, numRequests);
  const traffics: [Traffic, ...Traffic[]] = [
    first,
    ...simulatedSeeds.slice(1).map((i) => source.traffic(source.firstSeed + i, numRequests)),
  ];
  const startedMs = performance.now();
  const numAll = setup.kept.length + 1;
  const ranked = await rank([setup.present, ...setup.kept], {
    goal,
    traffics,
    stepTimes,
    sharedPrefixTokens,
    onSimulated: (numDone) => say(`simulating: ${numDone} of ${numAll} settings`),
    stop,
  });
  return {
    goal: describeGoal(goal),
    load: first.description,
    stepTimes: describedStepTimes(setup, stepTimes),
    present: settingOf(
      setup.present,
      outcomeUnder(setup.present, traffics, { stepTimes, sharedPrefixTokens }),
      0,
    ),
    settings: ranked.map(({ candidate, predicted, numEqual }) => settingOf(candidate, predicted, numEqual)),
    pruned: setup.pruned,
    secondsTaken: (performance.now() - startedMs) / 1000,
  };
}

function settingOf(candidate: Candidate, predicted: Outcome, numEqual: number): SimulatedSetting {
  return { flags: flagsText(candidate.knobs), predicted, numEqual };
}

function describedStepTimes(
  { present }: Setup,
  stepTimes: ReadonlyMap<string, StepTime>,
): SimulationReport["stepTimes"] {
  const stepTime = stepTimes.get(stepTimeKeyOf(present));
  return { origin: stepTime?.origin ?? "", medianError: stepTime?.medianError ?? null };
}

async function measuredStepTimes(
  setup: Setup,
  hooks: SimulationHooks,
): Promise<ReadonlyMap<string, StepTime>> {
  const engine = trialEngine(setup);
  try {
    return await calibrateKinds(engine, setup, hooks);
  } finally {
    await engine.close();
  }
}

function estimatedStepTimes({ present, kept }: Setup, machine: Machine): ReadonlyMap<string, StepTime> {
  return new Map(
    [present, ...kept].map((candidate) => [
      stepTimeKeyOf(candidate),
      rooflineStepTime(workOf(candidate.prepared), machine),
    ]),
  );
}

/** null: this one. */
function machineFrom({
  bandwidth,
  flops,
  stepOverhead,
}: Pick<Values<typeof simulateOptions>, "bandwidth" | "flops" | "stepOverhead">): Machine | null {
  const stated = bandwidth ?? flops ?? stepOverhead;
  if (stated === null) return null;
  if (bandwidth === null || flops === null)
    throw new PagodaError(
      "invalid_option",
      `${stated.why} describes a machine, and ${bandwidth === null ? "--bandwidth" : "--flops"} is missing.`,
      { hint: "Give --bandwidth and --flops, or neither for this machine." },
    );
  return {
    bytesPerSecond: bandwidth.value,
    flopsPerSecond: flops.value,
    overheadMs: stepOverhead?.value ?? defaultOverheadMs,
  };
}
