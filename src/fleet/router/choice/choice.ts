/**
 * @module Chooses the endpoint of a request by what it would cost there, in milliseconds.
 *
 * cost = wait for the requests before it
 *      + prompt tokens that are not cached there ÷ the rate at which it computes prompts
 *      + what those tokens push out of its prefix cache: a full pool forgets others' prefixes for them
 *
 * The last term is what spreads requests that come one after another, when nothing waits anywhere: a pool that is empty
 * costs nothing to fill. Costs that differ by less than `tieMs` are a tie, which the less loaded wins, then the one that
 * was chosen longest ago.
 */
import type { RouterSettings } from "../../../api/admin/observatory/index.ts";
import type { EndpointLoad } from "./endpoint-load.ts";

export interface ChoiceWeights {
  /** Share of the cost of computing a token that pushing a cached one out costs: how likely it is wanted again. */
  readonly evictionShare: number;
  readonly tieMs: number;
  /**
   * `cost`: by milliseconds, as above; `least_loaded`: by requests on their way; `round_robin`: in turns. Default `cost`.
   * Each divides by the weights.
   */
  readonly policy?: RouterSettings["policy"];
}

export const defaultWeights: ChoiceWeights = { evictionShare: 0.5, tieMs: 0.5 };

export interface Candidate {
  readonly load: EndpointLoad;
  /** Tokens of the prompt that are in its prefix cache. */
  readonly matchedTokens: number;
  /** Share of its KV pool that cached prefixes fill, 0 to 1. */
  readonly fill: number;
  /** When it was last chosen; any growing number. */
  readonly lastChosen: number;
  /** Requests sent there, each counted as 1 / weight. */
  readonly numSent?: number;
  /** Its share beside the others: above 0, default 1. */
  readonly weight?: number;
}

export type ChoiceReason = "only" | "prefix" | "load" | "spread";

export interface Choice {
  readonly index: number;
  readonly reason: ChoiceReason;
  readonly costMs: number;
}

function costOf(candidate: Candidate, promptTokens: number, weights: ChoiceWeights): number {
  const { load, numSent = 0, weight = 1 } = candidate;
  switch (weights.policy ?? "cost") {
    case "cost":
      return costMs(candidate, promptTokens, weights) / weight;
    case "least_loaded":
      return (load.numOpen + 1) / weight;
    case "round_robin":
      return numSent + 1 / weight;
  }
}

/** Cost in milliseconds of sending a prompt of `promptTokens` to a candidate. */
function costMs(candidate: Candidate, promptTokens: number, weights: ChoiceWeights): number {
  const { load, matchedTokens, fill } = candidate;
  const uncachedTokens = Math.max(0, promptTokens - matchedTokens);
  const computeMs = uncachedTokens / load.prefillTokensPerMs;
  return load.waitMs() + computeMs * (1 + weights.evictionShare * fill);
}

/** The cheapest of at least one candidate, and why it was taken. */
export function choose(
  candidates: readonly Candidate[],
  promptTokens: number,
  weights: ChoiceWeights = defaultWeights,
): Choice {
  let best = 0;
  let bestMs = Number.POSITIVE_INFINITY;
  let longestMatch = 0;
  const tie = (weights.policy ?? "cost") === "cost" ? weights.tieMs : 1e-9;
  for (const [index, candidate] of candidates.entries()) {
    const ms = costOf(candidate, promptTokens, weights);
    longestMatch = Math.max(longestMatch, candidate.matchedTokens);
    const isBetter = ms < bestMs - tie;
    const isTie = !isBetter && ms <= bestMs + tie;
    const incumbent = candidates[best] ?? candidate;
    if (!isBetter && !(isTie && winsTie(candidate, incumbent))) continue;
    best = index;
    bestMs = Math.min(ms, bestMs);
  }
  const chosen = candidates[best];
  return { index: best, reason: reasonOf(chosen, candidates.length, longestMatch), costMs: bestMs };
}

function winsTie(candidate: Candidate, incumbent: Candidate): boolean {
  if (candidate.load.numOpen !== incumbent.load.numOpen)
    return candidate.load.numOpen < incumbent.load.numOpen;
  return candidate.lastChosen < incumbent.lastChosen;
}

function reasonOf(chosen: Candidate | undefined, numCandidates: number, longestMatch: number): ChoiceReason {
  if (numCandidates === 1) return "only";
  if (longestMatch === 0) return chosen !== undefined && chosen.load.numOpen > 0 ? "load" : "spread";
  return chosen?.matchedTokens === longestMatch ? "prefix" : "load";
}
