/** @module What every use of the tuner begins with: the model, its load, its settings and the time of its steps. */
import { invariant, PagodaError } from "../../core/errors.ts";
import type { Environment } from "../../core/options/read-options.ts";
import { type PreparedInstance, plannerOf } from "../../instance/index.ts";
import { type LoadValues, type TrafficSource, trafficSource } from "../options/load-options.ts";
import {
  type Candidate,
  candidateOf,
  candidatesOf,
  type Pruned,
  type SpaceInputs,
  stepTimeKeyOf,
} from "../space/candidates.ts";
import type { GivenFlags, Knob } from "../space/knobs.ts";
import type { StepTime } from "../step-time/step-time.ts";
import { ordinaryTokens, type TokenRange } from "../traffic/token-source.ts";
import { calibrate } from "../trial/calibrate.ts";
import { warmUpTraffic } from "../trial/calibration-traffic.ts";
import { TrialEngine } from "../trial/trial-engine.ts";
import { sharedPrefixTokens, simulateSetting } from "./rank.ts";

export interface Setup {
  readonly prepared: PreparedInstance;
  readonly source: TrafficSource;
  readonly range: TokenRange;
  readonly present: Candidate;
  readonly kept: readonly Candidate[];
  readonly pruned: readonly Pruned[];
}

export interface SetupInputs {
  readonly prepared: PreparedInstance;
  readonly load: LoadValues;
  /** The trace of `load`, where it is no file. */
  readonly recorded?: string | null;
  readonly knobs: readonly Knob[];
  readonly given: GivenFlags;
  readonly environment: Environment;
  readonly numProcessors: number;
}

/** Throws `invalid_option` where the present setting itself cannot serve the load. */
export async function setUp(inputs: SetupInputs): Promise<Setup> {
  const { prepared } = inputs;
  const range = ordinaryTokens(prepared.program.vocabularyWidth);
  const { maxModelLen } = prepared.plan.limits;
  const source = trafficSource(inputs.load, { maxModelLen }, range, inputs.recorded);
  const space: SpaceInputs = {
    given: inputs.given,
    environment: inputs.environment,
    numProcessors: inputs.numProcessors,
    planner: await plannerOf(prepared),
    longestSequence: source.longest,
  };
  const present = candidateOf({}, space);
  if ("reason" in present)
    throw new PagodaError(
      "invalid_option",
      `The present setting cannot serve the load: ${asPart(present.reason)}.`,
      {
        hint: "Raise --memory or --max-model-len, or state shorter lengths.",
      },
    );
  return { prepared, source, range, present, ...candidatesOf(inputs.knobs, space) };
}

/** A sentence as the end of another one. */
function asPart(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, "");
}

export function trialEngine(setup: Pick<Setup, "range">): TrialEngine {
  return new TrialEngine(warmUpTraffic(setup.range));
}

/** One for each kind of step time among the candidates, the present one's first. */
export async function calibrateKinds(
  engine: TrialEngine,
  { present, kept, range }: Setup,
  hooks: { readonly say: (line: string) => void; readonly stop: AbortSignal },
): Promise<ReadonlyMap<string, StepTime>> {
  const stepTimes = new Map<string, StepTime>();
  for (const [key, candidates] of Map.groupBy([present, ...kept], stepTimeKeyOf)) {
    const kind = key.replaceAll("|", " ").trim();
    const measured = await calibrate(engine, largestOf(candidates).prepared, range, {
      onLoad: (numDone, numAll) =>
        hooks.say(`measuring step times${kind === "" ? "" : ` with ${kind}`}: ${numDone} of ${numAll} loads`),
      stop: hooks.stop,
    });
    stepTimes.set(key, measured);
  }
  return stepTimes;
}

/** The one with the largest steps: what is measured of it holds for the others. */
function largestOf(candidates: readonly Candidate[]): Candidate {
  return candidates.reduce((largest, candidate) =>
    sizeOf(candidate) > sizeOf(largest) ? candidate : largest,
  );
}

function sizeOf({ prepared: { plan } }: Candidate): number {
  const { maxNumBatchedTokens, maxNumSeqs, numBlocks, blockSize } = plan.limits;
  return (
    Math.min(maxNumBatchedTokens, mostTokensMeasured) * Math.min(maxNumSeqs, mostSequencesMeasured) +
    (numBlocks * blockSize) / 1e9
  );
}

/** Larger steps are as their last slope says. */
const mostTokensMeasured = 1024;
const mostSequencesMeasured = 32;

/** The simulated time of a load under the present setting, for `requestsFor`. */
export function presentSimulation(
  { present }: Setup,
  stepTimes: ReadonlyMap<string, StepTime>,
): (traffic: Parameters<typeof simulateSetting>[1]) => ReturnType<typeof simulateSetting> {
  const stepTime = stepTimes.get(stepTimeKeyOf(present));
  invariant(stepTime !== undefined, () => "no step times of the present setting");
  return (traffic) => simulateSetting(present.prepared, traffic, stepTime, sharedPrefixTokens);
}
