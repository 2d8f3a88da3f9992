/** @module The settings to choose among: every combination of the knobs' values that the planner says fits. */
import { PagodaError } from "../../core/errors.ts";
import { type Environment, readOptions } from "../../core/options/read-options.ts";
import {
  engineOptions,
  type InstanceSettings,
  type PreparedInstance,
  resolveSettings,
} from "../../instance/index.ts";
import { type GivenFlags, type Knob, stepTimeKnobNames, withKnobs } from "./knobs.ts";

export interface Candidate {
  /** Name of an option → its value; {}: the present setting. */
  readonly knobs: Readonly<Record<string, string>>;
  readonly prepared: PreparedInstance;
}

export interface Pruned {
  readonly knobs: Readonly<Record<string, string>>;
  /** The planner's words. */
  readonly reason: string;
}

export interface SpaceInputs {
  /** The flags as they were given: the present setting. */
  readonly given: GivenFlags;
  readonly environment: Environment;
  readonly numProcessors: number;
  readonly planner: (settings: InstanceSettings) => PreparedInstance;
  /** Of the load, in tokens. */
  readonly longestSequence: number;
}

const mostCombinations = 20_000;

/** Never starts anything: what does not fit, or cannot hold the load's longest request, is pruned with its reason. */
export function candidatesOf(
  knobs: readonly Knob[],
  inputs: SpaceInputs,
): { readonly kept: readonly Candidate[]; readonly pruned: readonly Pruned[] } {
  const numCombinations = knobs.reduce((product, { values }) => product * values.length, 1);
  if (numCombinations > mostCombinations)
    throw new PagodaError(
      "invalid_option",
      `The values to vary have ${numCombinations} combinations; at most ${mostCombinations} are simulated.`,
      { hint: "State fewer values with --vary." },
    );
  const kept: Candidate[] = [];
  const pruned: Pruned[] = [];
  for (const values of combinationsOf(knobs)) {
    const planned = candidateOf(values, inputs);
    if ("reason" in planned) pruned.push(planned);
    else kept.push(planned);
  }
  return { kept, pruned };
}

export function candidateOf(
  knobs: Readonly<Record<string, string>>,
  inputs: SpaceInputs,
): Candidate | Pruned {
  try {
    const values = readOptions(engineOptions, withKnobs(inputs.given, knobs), inputs.environment);
    const prepared = inputs.planner(resolveSettings(values, inputs.numProcessors));
    const reason = shortcomingOf(prepared, inputs.longestSequence);
    return reason === null ? { knobs, prepared } : { knobs, reason };
  } catch (thrown) {
    if (thrown instanceof PagodaError) return { knobs, reason: thrown.message };
    throw thrown;
  }
}

/** Why the load's longest request would be refused; null: it fits. */
function shortcomingOf({ plan: { limits } }: PreparedInstance, longestSequence: number): string | null {
  const numPoolTokens = limits.numBlocks * limits.blockSize;
  if (longestSequence > limits.maxModelLen)
    return `The load's longest request has ${longestSequence} tokens, and --max-model-len is ${limits.maxModelLen}.`;
  if (longestSequence > numPoolTokens)
    return `The load's longest request has ${longestSequence} tokens, and the KV pool holds ${numPoolTokens}.`;
  if (limits.maxNumBatchedTokens < limits.maxNumSeqs)
    return `A step of ${limits.maxNumBatchedTokens} tokens has no room for a token of each of ${limits.maxNumSeqs} sequences.`;
  return null;
}

function* combinationsOf(knobs: readonly Knob[]): Generator<Readonly<Record<string, string>>> {
  const [first, ...others] = knobs;
  if (first === undefined) {
    yield {};
    return;
  }
  for (const rest of combinationsOf(others))
    for (const value of first.values) yield { [first.name]: value, ...rest };
}

/** Equal for candidates whose steps take equal times. */
export function stepTimeKeyOf({ knobs }: Candidate): string {
  return stepTimeKnobNames.map((name) => knobs[name] ?? "").join("|");
}

/** `--max-num-seqs 16 --max-step-ms 100`; empty for the present setting. */
export function flagsText(knobs: Readonly<Record<string, string>>): string {
  return Object.entries(knobs)
    .map(([name, value]) =>
      value === "on" ? `--${name}` : value === "off" ? `--no-${name}` : `--${name} ${value}`,
    )
    .join(" ");
}

/** Bytes that the setting takes by its plan. */
export function memoryBytesOf({ prepared: { plan } }: Candidate): number {
  return plan.runtimeBytes + plan.footprint.totalBytes;
}
