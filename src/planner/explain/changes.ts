/** @module The smallest changes that would have made a failed start fit, each tried with the engine's own rules. */

import type { FailureKind, LogFacts } from "../log/log-facts.ts";
import type { Plan, Suggestion } from "../plan/plan.ts";
import { type Changes, type Lever, type LeverInput, leversFor } from "./levers.ts";
import { partOf } from "./measured-parts.ts";
import { type Measured, tryFlags } from "./trial.ts";

const mostChanges = 3;

/** Memory that no budget holds and that capture or serving needs: graphs, and what the profile run never sees. */
function hasRoomOutside(plan: Plan, original: Plan, usedBytes: number): boolean {
  const outside =
    plan.total.expectedBytes - usedBytes - partOf(plan, "context").expectedBytes - (plan.budgetBytes ?? 0);
  const graphs = plan.components.find(({ name }) => name === "graphs");
  const uncharged = graphs === undefined || graphs.isBudgeted ? 0 : graphs.quantity.highBytes;
  const before = original.total.expectedBytes - usedBytes - (original.budgetBytes ?? 0);
  const isEager = plan.settings["enforce-eager"]?.value === true;
  // At least the graphs, and at least two hundredths of the card more than the start that died had.
  const gained = plan.total.expectedBytes - usedBytes - (plan.budgetBytes ?? 0) - before;
  return isEager || (outside >= uncharged && gained >= 0.02 * plan.total.expectedBytes);
}

/** True where a changed start would get past the point where this one ended. */
function getsPast(plan: Plan, kind: FailureKind | null, measured: Measured): boolean {
  if (plan.verdict.kind !== "fits") return false;
  if (plan.engine === "lmdeploy" && kind === "serving")
    return (plan.kv?.numTokens.low ?? 0) >= Number(plan.settings["session-len"]?.value ?? 0);
  if (plan.engine === "vllm" && (kind === "graphCapture" || kind === "serving"))
    return hasRoomOutside(plan, measured.planned, measured.request.usedBytes);
  return true;
}

function words(changes: Changes): string[] {
  return Object.entries(changes).map(([name, value]) =>
    value === true ? `--${name}` : `--${name} ${value}`,
  );
}

/**
 * Steps rise in effect; still each is tried, as refusals in between (a head count) do not. A length that the engine itself
 * suggested needs no second opinion: it knows its bytes to the last, the log prints two decimals.
 */
function smallestOf(
  lever: Lever,
  kind: FailureKind | null,
  { measured, suggestedLen }: LeverInput,
): Suggestion | null {
  for (const step of lever.steps) {
    const plan = tryFlags(measured, step);
    const isEnginesOwn = suggestedLen !== null && step["max-model-len"] === String(suggestedLen);
    if (plan === null || !(isEnginesOwn || getsPast(plan, kind, measured))) continue;
    const numTokens = Math.max(plan.kv?.numTokens.expected ?? 0, isEnginesOwn ? suggestedLen : 0);
    const cards = plan.numDevices > measured.planned.numDevices ? ` on ${plan.numDevices} cards` : "";
    return {
      flags: words(step),
      why: `${lever.why}; then ${numTokens} KV tokens${cards}`,
    };
  }
  return null;
}

const mostSteps = 5;

/** At most five steps of a lever, its mildest and its hardest among them. */
function sampled(steps: readonly Changes[]): readonly Changes[] {
  if (steps.length <= mostSteps) return steps;
  return Array.from(
    { length: mostSteps },
    (_, at) => steps[Math.round((at * (steps.length - 1)) / (mostSteps - 1))] ?? {},
  );
}

/** Two levers pulled together, for a start that no single one gets past its failure. */
function combined(first: Lever, second: Lever): Lever {
  const steps = sampled(first.steps).flatMap((a) => sampled(second.steps).map((b) => ({ ...a, ...b })));
  return { steps, why: `${first.why}, and ${second.why}` };
}

/** The likeliest levers in pairs; one that helps alone needs no second. */
function pairsOf(levers: readonly Lever[]): Lever[] {
  const likely = levers.filter(({ steps }) => steps.length > 0).slice(0, 4);
  return likely.flatMap((first, at) => likely.slice(at + 1).map((second) => combined(first, second)));
}

/** Up to three changes, the likeliest cause first; none for a start that did not fail. */
export function smallestChanges(facts: LogFacts, measured: Measured): Suggestion[] {
  const kind = facts.failure?.kind ?? null;
  if (kind === null || kind === "invalidSetting" || kind === "neighbourFreed") return [];
  const input = { measured, suggestedLen: facts.counts.suggestedLen ?? null };
  const found: Suggestion[] = [];
  const tryLever = (lever: Lever): boolean => {
    const change = found.length === mostChanges ? null : smallestOf(lever, kind, input);
    const isNew = change !== null && !found.some(({ flags }) => flags.join() === change.flags.join());
    if (isNew) found.push(change);
    return change !== null;
  };
  const tooWeak = leversFor(facts.engine, kind, input).filter((lever) => !tryLever(lever));
  for (const pair of pairsOf(tooWeak)) tryLever(pair);
  return found;
}
