/** @module From what a vLLM log states to the components of its start: stated figures, and what the budget's sum leaves. */
import type { LogFacts } from "../../../log/log-facts.ts";
import { partOf } from "../../../plan/component.ts";
import type { MeasuredBytes, Plan } from "../../../plan/plan.ts";
import { exact, mapQuantity, minus, type Quantity } from "../../../quantity/quantity.ts";

type PartName = "weights" | "persistent" | "activations" | "graphs";
const residualParts: readonly PartName[] = ["activations", "persistent", "graphs"];

/** Graphs that are captured but not taken out of the budget are no part of the sum. */
function isSummed(plan: Plan, name: PartName): boolean {
  return plan.components.some((component) => component.name === name && component.isBudgeted);
}

/**
 * The components of a vLLM start. Where the log leaves some unstated but prints the KV memory, the budget's sum gives
 * them together: requested − weights − stated − KV. The peak takes that rest less what is expected of the others.
 */
export function vllmMeasuredBytes(facts: LogFacts, planned: Plan): MeasuredBytes {
  const { figures } = facts;
  const stated: Partial<Record<PartName, Quantity>> = {};
  for (const name of ["weights", ...residualParts] as const) {
    const read = figures[name];
    if (read !== undefined && (name !== "graphs" || isSummed(planned, "graphs"))) stated[name] = read;
  }
  const { availableKv } = figures;
  const open = residualParts.filter((name) => stated[name] === undefined && isSummed(planned, name));
  const [taker] = open;
  const isStatedSize = facts.flags["kv-cache-memory-bytes"] !== undefined;
  if (availableKv === undefined || taker === undefined || planned.budgetBytes === null || isStatedSize)
    return stated;
  const requested = figures.requested ?? exact(planned.budgetBytes, "share of the total");
  const others = open.slice(1).map((name) => exact(partOf(planned, name).expectedBytes, "as expected"));
  const runtime = planned.components.find(({ name }) => name === "runtime");
  const context = runtime?.isBudgeted === true ? [exact(runtime.quantity.expectedBytes, "as expected")] : [];
  const taken = [
    ...context,
    stated.weights ?? partOf(planned, "weights"),
    availableKv,
    ...residualParts.flatMap((name) => stated[name] ?? []),
    ...others,
  ];
  const rest = minus(requested, taken, "what the log's own sum leaves");
  // Nothing or less: the log contradicts another part of the sum, and says nothing of this one.
  if (rest.expectedBytes <= 0) return stated;
  return { ...stated, [taker]: mapQuantity(rest, (bytes) => Math.max(0, bytes), rest.evidence.why) };
}
