/** @module Where the log contradicts the plan: by how much, and in which component. */
import { formatBytes } from "../../core/byte-size.ts";
import type { LogFacts } from "../log/log-facts.ts";
import type { Plan } from "../plan/plan.ts";
import type { Quantity } from "../quantity/quantity.ts";

/** A component as logged and as planned. */
export interface Compared {
  readonly name: string;
  readonly label: string;
  readonly logged: Quantity | null;
  readonly planned: Quantity | null;
}

/** Bytes by which the two cannot both be right; 0 where their intervals meet. */
function contradiction({ logged, planned }: Compared): number {
  if (logged === null || planned === null) return 0;
  if (logged.lowBytes > planned.highBytes) return logged.lowBytes - planned.highBytes;
  return Math.max(0, planned.lowBytes - logged.highBytes);
}

/** Parts of the budget whose differences add up to that of the KV memory. */
const isPart = ({ name }: Compared): boolean => !["kvPool", "runtime", "free"].includes(name);

/** Differences below this share of the card say nothing. */
const leastShare = 0.005;

function sentenceOf({ label, logged, planned }: Compared): string {
  const [is, was] = [logged?.expectedBytes ?? 0, planned?.expectedBytes ?? 0];
  const direction = is > was ? "more" : "less";
  return `${label}: ${formatBytes(is)} in the log, ${formatBytes(was)} planned, ${formatBytes(Math.abs(is - was))} ${direction}`;
}

/** What the drafts that a log mentions may add to its sums. */
function mayHoldDraft(facts: LogFacts): boolean {
  return facts.notes.some((note) => /draft/i.test(note)) && facts.flags["speculative-config"] === undefined;
}

/** Sentences on what the log and the plan disagree about; the log's figure is the one that counts. */
export function differenceSentences(parts: readonly Compared[], facts: LogFacts, plan: Plan): string[] {
  const least = leastShare * plan.total.expectedBytes;
  const far = parts.filter((part) => contradiction(part) > least);
  const [worst] = far.filter(isPart).sort((a, b) => contradiction(b) - contradiction(a));
  const pool = far.find(({ name }) => name === "kvPool");
  const shown = worst ?? pool;
  if (shown === undefined) return [];
  const blame =
    worst === undefined
      ? ["The log states no other component, so it does not say which one differs."]
      : mayHoldDraft(facts)
        ? ["The log mentions drafting and not how: weights and buffers of the draft are in that sum."]
        : [];
  return [`The log and the plan differ, and the log counts: ${sentenceOf(shown)}.`, ...blame];
}

/** Tokens that the log prints against those that the plan makes of the same KV memory. */
export function tokenSentence(facts: LogFacts, plan: Plan): string[] {
  const { numTokens } = facts.counts;
  const planned = plan.kv?.numTokens;
  if (numTokens === undefined || planned === undefined || facts.figures.availableKv === undefined) return [];
  const isRefused = planned.high === 0;
  if (isRefused || (numTokens >= planned.low && numTokens <= planned.high)) return [];
  const group = (count: number): string => count.toLocaleString("en-US");
  return [
    `The log prints ${group(numTokens)} KV tokens; by the planned layers its KV memory holds ${group(planned.expected)}: the model's configuration or a flag that the log does not state differs.`,
  ];
}
