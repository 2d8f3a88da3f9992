/** @module Why a start ended as it did: which component was missing, in a sentence with both numbers. */
import type { LogFacts } from "../log/log-facts.ts";
import type { FailureKind } from "../plan/failure.ts";
import type { Plan } from "../plan/plan.ts";
import type { LogRules } from "../rules/engine-rules.ts";

export type Missing =
  | "freeMemory"
  | "weights"
  | "activations"
  | "kv"
  | "graphs"
  | "states"
  | "setting"
  | "memory";

export interface Cause {
  readonly missing: Missing | null;
  readonly sentences: readonly string[];
}

const missingBy: Readonly<Record<FailureKind, Missing>> = {
  invalidSetting: "setting",
  freeMemoryAtStart: "freeMemory",
  neighbourFreed: "freeMemory",
  weights: "weights",
  activations: "activations",
  sampler: "activations",
  runtimeReserve: "activations",
  warmUpStall: "kv",
  noKvMemory: "kv",
  requestTooLong: "kv",
  stateCache: "states",
  graphCapture: "graphs",
  serving: "memory",
  outOfMemory: "memory",
};

/** The cause of a failure, from what the log says and what the plan with the log's figures computes. */
export function causeOf(rules: LogRules, facts: LogFacts, plan: Plan | null): Cause {
  const { failure } = facts;
  if (failure === null) return { missing: null, sentences: [] };
  const missing = missingBy[failure.kind];
  if (plan === null || failure.kind === "invalidSetting") return { missing, sentences: [failure.message] };
  return { missing, sentences: rules.cause(failure.kind, facts, plan) };
}
