/** @module From what a log states to the components of a plan: stated figures, and what the engine's own sum leaves for the rest. */

import type { LogFacts } from "../log/log-facts.ts";
import type { MeasuredBytes, Plan, PlanComponent } from "../plan/plan.ts";
import { estimated, exact, mapQuantity, minus, type Quantity, sum } from "../quantity/quantity.ts";

export type PartName = "weights" | "persistent" | "activations" | "graphs";
const residualParts: readonly PartName[] = ["activations", "persistent", "graphs"];

/** The bytes a plan gives to a component; nothing where it has none. */
export function partOf(plan: Plan, name: PlanComponent["name"]): Quantity {
  return (
    plan.components.find((component) => component.name === name)?.quantity ?? exact(0, "not in this plan")
  );
}

/** Graphs that are captured but not taken out of the budget are no part of the sum. */
function isSummed(plan: Plan, name: PartName): boolean {
  return plan.components.some((component) => component.name === name && component.isBudgeted);
}

/**
 * The components of a vLLM start. Where the log leaves some unstated but prints the KV memory, the budget's sum gives
 * them together: requested − weights − stated − KV. The peak takes that rest less what is expected of the others.
 */
function vllmParts(facts: LogFacts, planned: Plan): MeasuredBytes {
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
  const taken = [
    stated.weights ?? partOf(planned, "weights"),
    availableKv,
    ...residualParts.flatMap((name) => stated[name] ?? []),
    ...others,
  ];
  const rest = minus(requested, taken, "what the log's own sum leaves");
  return { ...stated, [taker]: mapQuantity(rest, (bytes) => Math.max(0, bytes), rest.evidence.why) };
}

/** Free memory of LMDeploy after loading: printed, or what its block count implies. */
function lmdeployFree(facts: LogFacts, planned: Plan): Quantity | null {
  if (facts.figures.free !== undefined) return facts.figures.free;
  const { numBlocks } = facts.counts;
  const share = Number(planned.settings["cache-max-entry-count"]?.value ?? 0.8);
  const blockBytes = planned.kv?.bytesPerBlock ?? 0;
  if (numBlocks === undefined || blockBytes === 0 || share >= 1 || facts.figures.runtime !== undefined)
    return null;
  // n blocks came out of a share of the free bytes: between n and n + 1 blocks' worth.
  const [low, high] = [numBlocks, numBlocks + 1].map((blocks) => (blocks * blockBytes) / share);
  const between = estimated(low ?? 0, low ?? 0, high ?? 0, `${numBlocks} blocks are that share of it`);
  return sum(
    [{ ...between, evidence: { kind: "measured", why: between.evidence.why } }, ...buffers(planned)],
    "free",
  );
}

/** TurboMind before 0.15 measures after its buffers; the plan's free memory is before them. */
function buffers(planned: Plan): Quantity[] {
  return planned.rules.includes("0.2.2") ? [partOf(planned, "persistent")] : [];
}

/** TurboMind that died in its warm-up needed at least what was left: the estimate gives way to the fact. */
function atLeastWhatDied(facts: LogFacts, planned: Plan, free: Quantity | null): Quantity | null {
  if (facts.failure?.kind !== "activations" || free === null) return null;
  const rest = free.expectedBytes - partOf(planned, "kvPool").expectedBytes;
  const left = rest - partOf(planned, "persistent").expectedBytes;
  const activations = partOf(planned, "activations");
  if (activations.expectedBytes >= left) return null;
  const needed = Math.max(0, left);
  return estimated(
    needed,
    needed,
    Math.max(needed, activations.highBytes),
    "the warm-up died with this much left",
  );
}

/** What a log tells of the components of its own start, for `PlanRequest.measured`. */
export function partsOfLog(facts: LogFacts, planned: Plan): MeasuredBytes {
  if (facts.engine === "vllm") return vllmParts(facts, planned);
  const free = lmdeployFree(facts, planned);
  const activations = atLeastWhatDied(facts, planned, free);
  return { ...(free === null ? {} : { free }), ...(activations === null ? {} : { activations }) };
}

/**
 * Carries measured components over to changed flags: each is scaled as its estimate scales, so a smaller batch shrinks a
 * measured peak too. Free memory holds only for the same ranks.
 */
export function carriedOver(parts: MeasuredBytes, from: Plan, to: Plan): MeasuredBytes {
  const scaled: { -readonly [Name in keyof MeasuredBytes]: MeasuredBytes[Name] } = {};
  for (const name of ["weights", "persistent", "activations", "graphs"] as const) {
    const measuredPart = parts[name];
    if (measuredPart === undefined) continue;
    const before = partOf(from, name).expectedBytes;
    const after = partOf(to, name).expectedBytes;
    const factor = before > 0 ? after / before : 1;
    const why =
      factor === 1
        ? measuredPart.evidence.why
        : `${measuredPart.evidence.why}, scaled by ${factor.toFixed(3)}`;
    scaled[name] = mapQuantity(measuredPart, (bytes) => bytes * factor, why);
  }
  if (parts.free !== undefined && from.numDevices === to.numDevices) scaled.free = parts.free;
  return scaled;
}
