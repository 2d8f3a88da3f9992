/** @module How a vLLM start ends at each end of the estimate, and the verdict over them. */
import type { PoolOutcome } from "../../../kv/pool-capacity.ts";
import type { Verdict } from "../../../plan/plan.ts";
import type { Quantity } from "../../../quantity/quantity.ts";
import {
  freeMemoryMessage,
  noLengthMessage,
  noMemoryMessage,
  tooLongMessage,
  v0TooLongMessage,
} from "../log/expected-lines.ts";
import type { Budget } from "./budget.ts";
import { vllmPoolOutcome } from "./pool.ts";
import type { Start } from "./start.ts";

/** The verdict at one end of the bytes. */
export type Ending =
  | { readonly kind: "fits"; readonly outcome: PoolOutcome & { readonly kind: "fits" } }
  | { readonly kind: "refused" | "dies"; readonly reason: string; readonly message: string };

function endingAt(start: Start, budget: Budget, end: "lowBytes" | "expectedBytes" | "highBytes"): Ending {
  const opposite = end === "lowBytes" ? "highBytes" : end === "highBytes" ? "lowBytes" : end;
  const { settings, profile, pool } = start;
  const free = budget.free[end];
  const requested = budget.requested.expectedBytes;
  if (profile.checksFreeMemory && free < requested)
    return {
      kind: "refused",
      reason: "less memory is free at the start than the share asks for",
      message: freeMemoryMessage(
        free,
        start.request.device.total.expectedBytes,
        settings.utilization.value,
        requested,
      ),
    };
  if (budget.weights[opposite] > free)
    return {
      kind: "dies",
      reason: "the weights alone are larger than the free memory",
      message: "CUDA out of memory while loading the weights",
    };
  if (budget.weights[opposite] + budget.activations[opposite] > free)
    return {
      kind: "dies",
      reason: "weights and peak activations are larger than the free memory",
      message: "CUDA out of memory in the profile run",
    };
  const outcome = vllmPoolOutcome(
    pool,
    budget.available.map((quantity) => quantity[end]),
    settings,
    profile,
  );
  if (outcome.kind === "fits") return { kind: "fits", outcome };
  if (outcome.kind === "noMemory")
    return { kind: "refused", reason: "nothing is left for KV blocks", message: noMemoryMessage(profile) };
  if (outcome.kind === "noLength")
    return { kind: "refused", reason: "not even one token fits", message: noLengthMessage };
  const length = settings.maxModelLen.value;
  const numTokens = Math.max(0, Math.floor(outcome.checkBytes / pool.bytesPerToken / 16) * 16);
  const message =
    profile.runner === "v0"
      ? v0TooLongMessage(length, numTokens)
      : tooLongMessage(length, outcome.neededBytes, outcome.checkBytes, outcome.suggestedLength);
  return { kind: "refused", reason: `one request of ${length} tokens does not fit`, message };
}

/** The end of the range that disagrees must be as near as half the way to matter: else the expected value decides. */
export function verdictOf(
  start: Start,
  budget: Budget,
): { readonly verdict: Verdict; readonly expected: Ending } {
  const expected = endingAt(start, budget, "expectedBytes");
  const halfway = (from: Quantity): Quantity => ({
    ...from,
    lowBytes: (from.expectedBytes + from.lowBytes) / 2,
    highBytes: (from.expectedBytes + from.highBytes) / 2,
  });
  const narrowed: Budget = {
    requested: halfway(budget.requested),
    free: halfway(budget.free),
    weights: halfway(budget.weights),
    persistent: halfway(budget.persistent),
    activations: halfway(budget.activations),
    graphs: halfway(budget.graphs),
    available: budget.available.map(halfway),
  };
  const worse = endingAt(start, narrowed, "lowBytes");
  const better = endingAt(start, narrowed, "highBytes");
  const agree = worse.kind === expected.kind && better.kind === expected.kind;
  const settled = agree || (expected.kind !== "fits" && better.kind !== "fits");
  const kind = settled ? expected.kind : "uncertain";
  const reason =
    expected.kind === "fits"
      ? settled
        ? "it starts and serves a request of full length"
        : "it starts if the engine measures what is expected; at the unlucky end of the estimate it does not"
      : expected.reason;
  return {
    verdict: {
      kind,
      reason,
      engineMessage: expected.kind === "fits" ? null : expected.message,
      suggestions: [],
    },
    expected,
  };
}
