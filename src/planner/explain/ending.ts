/** @module A log that ends before the outcome: what had been reached, and what is most likely next. */
import { formatBytes } from "../../core/byte-size.ts";
import type { LogFacts } from "../log/log-facts.ts";
import type { Plan } from "../plan/plan.ts";

/** What the plan with the log's figures expects of the rest. */
function expectation(plan: Plan): string {
  const { verdict, kv } = plan;
  const length = kv?.maxModelLen ?? 0;
  const from = plan.settings["max-model-len"]?.from ?? plan.settings["session-len"]?.from;
  const assumed =
    from === undefined || from === "flag" ? "" : " (the log states no length, so the model's own was taken)";
  if (verdict.kind === "fits")
    return `By the plan it starts: ${(kv?.numTokens.expected ?? 0).toLocaleString("en-US")} KV tokens for requests of ${length.toLocaleString("en-US")}${assumed}.`;
  const end =
    verdict.kind === "uncertain"
      ? "it may fail"
      : verdict.kind === "dies"
        ? "it runs out of memory"
        : "it is refused";
  const pool = kv === null ? "" : `, with ${formatBytes(kv.available.expectedBytes)} for KV`;
  return `By the plan ${end}: ${verdict.reason}${pool}${assumed}.`;
}

/** Sentences on a log without an outcome. */
export function endingSentences(facts: LogFacts, plan: Plan | null): string[] {
  const { reached } = facts;
  const steps =
    reached === null
      ? ["It shows no step of the start."]
      : [`The last step it shows: ${reached.reached}. Next, ${reached.next}.`];
  return plan === null ? steps : [...steps, expectation(plan)];
}
