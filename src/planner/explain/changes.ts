/** @module The smallest changes that would have made a failed start fit, each tried with the engine's own rules. */
import type { Plan, Suggestion } from "../plan.ts";
import { type Changes, type Lever, leversFor } from "./levers.ts";
import type { FailureKind, LogFacts } from "./log-facts.ts";
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

/** Steps rise monotonically in effect; still each is tried, as refusals in between (a head count) do not. */
function smallestOf(lever: Lever, kind: FailureKind | null, measured: Measured): Suggestion | null {
  for (const step of lever.steps) {
    const plan = tryFlags(measured, step);
    if (plan === null || !getsPast(plan, kind, measured)) continue;
    const cards = plan.numDevices > measured.planned.numDevices ? ` on ${plan.numDevices} cards` : "";
    return {
      flags: words(step),
      why: `${lever.why}; then ${plan.kv?.numTokens.expected ?? 0} KV tokens${cards}`,
    };
  }
  return null;
}

/** Up to three changes, the likeliest cause first; none for a start that did not fail. */
export function smallestChanges(facts: LogFacts, measured: Measured): Suggestion[] {
  const kind = facts.failure?.kind ?? null;
  if (kind === null || kind === "invalidSetting" || kind === "neighbourFreed") return [];
  const input = { measured, suggestedLen: facts.counts.suggestedLen ?? null };
  const found: Suggestion[] = [];
  for (const lever of leversFor(facts.engine, kind, input)) {
    if (found.length === mostChanges) break;
    const change = smallestOf(lever, kind, measured);
    const isNew = change !== null && !found.some(({ flags }) => flags.join() === change.flags.join());
    if (isNew) found.push(change);
  }
  return found;
}
