/** @module From what an LMDeploy log states to the components of its start: the free memory after loading, and what died of too little. */
import type { LogFacts } from "../../../log/log-facts.ts";
import { partOf } from "../../../plan/component.ts";
import type { MeasuredBytes, Plan } from "../../../plan/plan.ts";
import { estimated, type Quantity, sum } from "../../../quantity/quantity.ts";

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

/** What a log tells of the components of its own start. */
export function lmdeployMeasuredBytes(facts: LogFacts, planned: Plan): MeasuredBytes {
  const free = lmdeployFree(facts, planned);
  const activations = atLeastWhatDied(facts, planned, free);
  return { ...(free === null ? {} : { free }), ...(activations === null ? {} : { activations }) };
}
