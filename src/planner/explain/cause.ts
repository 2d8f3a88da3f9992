/** @module Why a start ended as it did: which component was missing, in a sentence with both numbers. */
import type { LogFacts } from "../log/log-facts.ts";
import type { FailureKind } from "../plan/failure.ts";
import type { Plan } from "../plan/plan.ts";
import type { LogRules } from "../rules/engine-rules.ts";
import { isNoShortage, shortageSentences } from "./shortage.ts";

export type Missing =
  | "freeMemory"
  | "weights"
  | "activations"
  | "kv"
  | "graphs"
  | "states"
  | "setting"
  | "memory"
  | "nothing";

export interface Cause {
  /** What was too small or too large; `nothing` where memory was refused that was free. Null: the start did not fail. */
  readonly missing: Missing | null;
  readonly sentences: readonly string[];
}

const missingBy: Readonly<Record<FailureKind, Missing>> = {
  invalidSetting: "setting",
  context: "freeMemory",
  freeMemoryAtStart: "freeMemory",
  neighbourFreed: "freeMemory",
  weights: "weights",
  repacking: "weights",
  activations: "activations",
  sampler: "activations",
  runtimeReserve: "activations",
  warmUp: "activations",
  warmUpStall: "kv",
  noKvMemory: "kv",
  requestTooLong: "kv",
  kvAllocation: "memory",
  stateCache: "states",
  graphCapture: "graphs",
  serving: "memory",
  outOfMemory: "memory",
};

/** Phases in words, for an out-of-memory that no figure explains. */
const phaseNames: Readonly<Partial<Record<FailureKind, string>>> = {
  context: "while the process made its context on the card",
  weights: "while the weights were loaded",
  repacking: "while loaded weights were repacked for their kernel",
  activations: "in the profile run",
  sampler: "in the sampler's profile run",
  kvAllocation: "while the KV pool was allocated",
  graphCapture: "while CUDA graphs were captured",
  warmUp: "in the warm-up of the kernels",
  serving: "while it served",
};

/** The cause of a failure, from what the log says and what the plan with the log's figures computes. */
export function causeOf(rules: LogRules, facts: LogFacts, plan: Plan | null, isUnified: boolean): Cause {
  const { failure } = facts;
  if (failure === null) return { missing: null, sentences: [] };
  const sizes = shortageSentences(facts, isUnified);
  const phase = rules.phaseNames?.[failure.kind] ?? phaseNames[failure.kind];
  const when = facts.outOfMemory === null || phase === undefined ? [] : [`It ran out of memory ${phase}.`];
  if (isNoShortage(facts))
    return {
      missing: "nothing",
      sentences: [...when.map((text) => text.replace("ran out of memory", "was refused memory")), ...sizes],
    };
  const missing = missingBy[failure.kind];
  if (failure.kind === "invalidSetting") return { missing, sentences: [failure.message] };
  return { missing, sentences: [...when, ...sizes, ...rules.cause(failure.kind, facts, plan)] };
}
