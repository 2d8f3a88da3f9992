/** @module A change to a start: other flags, or another checkpoint of the same model. */
import type { ModelFacts } from "../model/facts.ts";
import type { FlagValue, PlanRequest, Suggestion } from "./plan.ts";

/** Flags to set by name; null takes one away. */
export type FlagChanges = Readonly<Record<string, FlagValue | null>>;

export interface Step {
  readonly flags: FlagChanges;
  /** Another checkpoint of the model, where the step takes one. */
  readonly model?: ModelFacts;
}

export interface Change extends Step {
  readonly why: string;
}

/** One way out: steps from the mildest to the hardest; the first that helps is the smallest change of its kind. */
export interface Remedy {
  readonly why: string;
  readonly steps: readonly Step[];
}

/** The request with a change. What was stored or measured of the weights says nothing of another checkpoint's. */
export function changedRequest(request: PlanRequest, { flags: changes, model }: Step): PlanRequest {
  const flags: Record<string, FlagValue> = {};
  for (const [name, value] of Object.entries({ ...request.flags, ...changes }))
    if (value !== null) flags[name] = value;
  if (model === undefined) return { ...request, flags };
  const {
    storedWeightsBytes: _stored,
    program: _program,
    tensors: _tensors,
    modelArgument: _argument,
    measured,
    ...others
  } = request;
  if (measured === undefined) return { ...others, flags, model };
  const { weights: _weights, ...parts } = measured;
  return { ...others, flags, model, measured: parts };
}

/** A change as a plan suggests it. */
export function asSuggestion({ flags, model, why }: Change): Suggestion {
  const words = Object.entries(flags).flatMap(([name, value]) => flagWords(name, value));
  return model === undefined ? { flags: words, why } : { flags: words, model: model.name, why };
}

function flagWords(name: string, value: FlagValue | null): readonly string[] {
  if (value === null) return [`without --${name}`];
  if (value === true) return [`--${name}`];
  return [`--${name} ${typeof value === "string" ? value : value.join(" ")}`];
}
