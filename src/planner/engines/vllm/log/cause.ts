/** @module Why a vLLM start ended, in sentences with both numbers. */
import { formatBytes } from "../../../../core/byte-size.ts";
import type { LogFacts } from "../../../log/log-facts.ts";
import { bytesOf, partOf } from "../../../plan/component.ts";
import type { FailureKind } from "../../../plan/failure.ts";
import type { Plan } from "../../../plan/plan.ts";

const size = (plan: Plan, name: Parameters<typeof bytesOf>[1]): string => formatBytes(bytesOf(plan, name));

function vllmBudget(plan: Plan): string {
  const parts = plan.components.filter(({ name, isBudgeted }) => isBudgeted && name !== "kvPool");
  const list = parts
    .map(({ label, quantity }) => `${label} ${formatBytes(quantity.expectedBytes)}`)
    .join(", ");
  const left = plan.kv?.available.expectedBytes ?? 0;
  const result = left >= 0 ? `leave ${formatBytes(left)} for KV` : `are ${formatBytes(-left)} more than that`;
  const others = plan.warnings.filter((text) => /off its own share/.test(text)).map((text) => ` ${text}`);
  return `The budget is ${formatBytes(plan.budgetBytes ?? 0)}; ${list} ${result}.${others.join("")}`;
}

const group = (count: number): string => Math.floor(count).toLocaleString("en-US");

/** From the log's own two figures: how much is lacking, and the length that the memory holds, as far as two decimals tell. */
function lengthByLog(length: number, facts: LogFacts): string[] {
  const { neededKv, availableKv } = facts.figures;
  if (neededKv === undefined || availableKv === undefined || facts.counts.suggestedLen !== undefined)
    return [];
  if (availableKv.expectedBytes <= 0) return [];
  const least = (length * availableKv.lowBytes) / neededKv.highBytes;
  return [
    `The log was cut before the length that the engine suggests; by its figures ${group(least)} tokens fit, if every token takes as much.`,
  ];
}

function tooLong(facts: LogFacts, plan: Plan | null): string[] {
  const length = facts.counts.maxModelLen ?? Number(plan?.settings["max-model-len"]?.value ?? 0);
  const need = facts.figures.neededKv?.expectedBytes ?? length * (plan?.kv?.bytesPerToken ?? 0);
  const have = facts.figures.availableKv?.expectedBytes ?? plan?.kv?.available.expectedBytes ?? 0;
  const tokens = facts.counts.suggestedLen ?? facts.counts.numTokens;
  if (need === 0 && tokens !== undefined)
    return [`One request may have ${length} tokens, and the pool holds ${tokens}.`];
  return [
    `One request of ${length} tokens needs ${formatBytes(need)} of KV, and ${formatBytes(have)} are there.`,
    ...lengthByLog(length, facts),
    ...(plan === null ? [] : [vllmBudget(plan)]),
  ];
}

function freeAtStart(facts: LogFacts, plan: Plan | null): string[] {
  const free = facts.figures.freeAtStart?.expectedBytes;
  const requested = facts.figures.requested?.expectedBytes ?? plan?.budgetBytes ?? 0;
  const total = facts.figures.total?.expectedBytes ?? plan?.total.expectedBytes;
  const held = free === undefined || total === undefined ? null : total - free;
  return [
    `vLLM wants ${formatBytes(requested)} of this card free before it loads anything${free === undefined ? "" : `, and ${formatBytes(free)} were`}.`,
    ...(held === null ? [] : [`Something else holds ${formatBytes(held)} there (its own context included).`]),
  ];
}

function noKv(plan: Plan | null): string[] {
  return ["Nothing was left for KV blocks.", ...(plan === null ? [] : [vllmBudget(plan)])];
}

/** The card was full although the budget was not: what the share leaves outside is too little. */
function shareTooLarge(facts: LogFacts, plan: Plan): string[] {
  const budget = plan.budgetBytes ?? 0;
  const held = facts.outOfMemory?.held?.expectedBytes;
  const beyond =
    held !== undefined && held > budget
      ? ` The process held ${formatBytes(held)}, ${formatBytes(held - budget)} more than its share of ${formatBytes(budget)}: the share does not hold the context, and fragments that loading left.`
      : "";
  return [
    `The share is too large for what is there: it grants ${formatBytes(budget)} of ${formatBytes(plan.total.expectedBytes)}, and the pool is allocated to the last byte of it.${beyond}`,
  ];
}

function byPlan(kind: FailureKind, facts: LogFacts, plan: Plan): string[] {
  if (kind === "weights" || kind === "repacking")
    return [
      `The weights need ${size(plan, "weights")} of a card of ${formatBytes(plan.total.expectedBytes)}, and repacking needs more for a moment.`,
    ];
  if (kind === "activations" || kind === "sampler")
    return [
      `The profile run's peak did not fit: weights ${size(plan, "weights")}, peak activations ${size(plan, "activations")} (${partOf(plan, "activations").evidence.why}).`,
      kind === "sampler"
        ? "The sampler's peak is set by --max-num-seqs."
        : "Its size is set by --max-num-batched-tokens and --max-num-seqs.",
    ];
  if (kind === "kvAllocation") return shareTooLarge(facts, plan);
  if (kind === "graphCapture")
    return [
      `The KV pool was made first and CUDA graphs came after it: they need about ${size(plan, "graphs")} that ${plan.components.some(({ name, isBudgeted }) => name === "graphs" && isBudgeted) ? "the budget under-estimated" : "this version does not take out of the budget"}.`,
    ];
  return [];
}

/** Sentences on a failure, from the figures of the log and, where it could be made, of the plan. */
export function vllmCause(kind: FailureKind, facts: LogFacts, plan: Plan | null): string[] {
  if (kind === "freeMemoryAtStart") return freeAtStart(facts, plan);
  if (kind === "neighbourFreed")
    return [
      "Another process freed memory while this one was measuring; nothing is wrong with the flags. Start it again while the others are quiet.",
    ];
  if (kind === "requestTooLong") return tooLong(facts, plan);
  if (kind === "noKvMemory") return noKv(plan);
  if (kind === "stateCache") return ["There are fewer state slots than sequences."];
  if (kind === "context")
    return [
      "Nothing had been loaded: other processes hold the card, or it is another card than meant (CUDA_VISIBLE_DEVICES).",
    ];
  if (kind === "serving" || kind === "outOfMemory")
    return [
      "The engine ran out of memory after it had started: what a request needs beside KV, its activations or a fragmented cache of the allocator, was more than the share left outside. The weights are not the cause.",
    ];
  return plan === null ? [] : byPlan(kind, facts, plan);
}
