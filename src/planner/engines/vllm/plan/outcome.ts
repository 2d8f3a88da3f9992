/** @module How a vLLM start ends at each end of the estimate, and the verdict over them. */
import type { PoolOutcome } from "../../../kv/pool-capacity.ts";
import type { FailureKind } from "../../../plan/failure.ts";
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
export type Outcome =
  | { readonly kind: "fits"; readonly outcome: PoolOutcome & { readonly kind: "fits" } }
  | {
      readonly kind: "refused" | "dies";
      readonly failure: FailureKind;
      readonly reason: string;
      readonly message: string;
    };

type End = "lowBytes" | "expectedBytes" | "highBytes";

const opposites = { lowBytes: "highBytes", highBytes: "lowBytes", expectedBytes: "expectedBytes" } as const;

function outcomeAt(start: Start, budget: Budget, end: End): Outcome {
  return loadingFailure(start, budget, end) ?? poolOutcomeAt(start, budget, end);
}

/** What ends a start before its pool is made; null where it gets so far. */
function loadingFailure(start: Start, budget: Budget, end: End): Outcome | null {
  const { settings, profile, request } = start;
  const free = budget.free[end];
  const requested = budget.requested.expectedBytes;
  const [weights, activations] = [budget.weights[opposites[end]], budget.activations[opposites[end]]];
  if (profile.checksFreeMemory && free < requested)
    return {
      kind: "refused",
      failure: "freeMemoryAtStart",
      reason: "less memory is free at the start than the share asks for",
      message: freeMemoryMessage(
        free,
        request.device.total.expectedBytes,
        settings.utilization.value,
        requested,
      ),
    };
  if (weights > free)
    return {
      kind: "dies",
      failure: "weights",
      reason: "the weights alone are larger than the free memory",
      message: "CUDA out of memory while loading the weights",
    };
  if (weights + activations > free)
    return {
      kind: "dies",
      failure: "activations",
      reason: "weights and peak activations are larger than the free memory",
      message: "CUDA out of memory in the profile run",
    };
  if (weights + activations + (settings.kvBytesStated ?? 0) > free)
    return {
      kind: "dies",
      failure: "noKvMemory",
      reason: "weights, activations and the stated KV memory are larger than the free memory",
      message: "CUDA out of memory while allocating the KV cache",
    };
  return null;
}

function poolOutcomeAt({ settings, profile, pool }: Start, budget: Budget, end: End): Outcome {
  const available = budget.available.map((quantity) => quantity[end]);
  const outcome = vllmPoolOutcome(pool, available, settings, profile);
  if (outcome.kind === "fits") return { kind: "fits", outcome };
  const refused = { kind: "refused" } as const;
  if (outcome.kind === "noMemory")
    return {
      ...refused,
      failure: "noKvMemory",
      reason: "nothing is left for KV blocks",
      message: noMemoryMessage(profile),
    };
  if (outcome.kind === "noLength")
    return {
      ...refused,
      failure: "requestTooLong",
      reason: "not even one token fits",
      message: noLengthMessage,
    };
  const length = settings.maxModelLen.value;
  const numTokens = Math.max(0, Math.floor(outcome.checkBytes / pool.bytesPerToken / 16) * 16);
  const message =
    profile.runner === "v0"
      ? v0TooLongMessage(length, numTokens)
      : tooLongMessage(length, outcome.neededBytes, outcome.checkBytes, outcome.suggestedLength);
  const reason = `one request of ${length} tokens does not fit`;
  return { ...refused, failure: "requestTooLong", reason, message };
}

/** The end of the range that disagrees must be as near as half the way to matter: else the expected value decides. */
export function verdictOf(
  start: Start,
  budget: Budget,
): { readonly verdict: Verdict; readonly expected: Outcome } {
  const expected = outcomeAt(start, budget, "expectedBytes");
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
  const worse = outcomeAt(start, narrowed, "lowBytes");
  const better = outcomeAt(start, narrowed, "highBytes");
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
      failure: kind === "fits" ? null : failureOf(expected, worse),
      reason,
      engineMessage: expected.kind === "fits" ? null : expected.message,
      suggestions: [],
    },
    expected,
  };
}

/** Where a start that does not surely fit would end: as expected, or at the unlucky end of the estimate. */
function failureOf(expected: Outcome, worse: Outcome): FailureKind | null {
  if (expected.kind !== "fits") return expected.failure;
  return worse.kind === "fits" ? null : worse.failure;
}
