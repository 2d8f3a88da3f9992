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
  const left = plan.kv === null ? 0 : plan.kv.available.expectedBytes;
  return `The budget is ${formatBytes(plan.budgetBytes ?? 0)}; ${list} leave ${formatBytes(left)} for KV.`;
}

function tooLong(facts: LogFacts, plan: Plan): string[] {
  const length = facts.counts.maxModelLen ?? Number(plan.settings["max-model-len"]?.value ?? 0);
  const need = facts.figures.neededKv?.expectedBytes ?? length * (plan.kv?.bytesPerToken ?? 0);
  const have = facts.figures.availableKv?.expectedBytes ?? plan.kv?.available.expectedBytes ?? 0;
  return [
    `One request of ${length} tokens needs ${formatBytes(need)} of KV, and ${formatBytes(have)} are there.`,
    vllmBudget(plan),
  ];
}

function freeAtStart(facts: LogFacts, plan: Plan): string[] {
  const free = facts.figures.freeAtStart?.expectedBytes;
  const requested = facts.figures.requested?.expectedBytes ?? plan.budgetBytes ?? 0;
  const held = free === undefined ? null : plan.total.expectedBytes - free;
  return [
    `vLLM wants ${formatBytes(requested)} of this card free before it loads anything${free === undefined ? "" : `, and ${formatBytes(free)} were`}.`,
    ...(held === null ? [] : [`Something else holds ${formatBytes(held)} there (its own context included).`]),
  ];
}

/** Sentences on a failure, from the figures of the log and of the plan. */
export function vllmCause(kind: FailureKind, facts: LogFacts, plan: Plan): string[] {
  if (kind === "freeMemoryAtStart") return freeAtStart(facts, plan);
  if (kind === "neighbourFreed")
    return [
      "Another process freed memory while this one was measuring; nothing is wrong with the flags. Start it again while the others are quiet.",
    ];
  if (kind === "requestTooLong") return tooLong(facts, plan);
  if (kind === "noKvMemory") return ["Nothing was left for KV blocks.", vllmBudget(plan)];
  if (kind === "weights")
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
  if (kind === "graphCapture")
    return [
      `The KV pool was made first and CUDA graphs came after it: they need about ${size(plan, "graphs")} that ${plan.components.some(({ name, isBudgeted }) => name === "graphs" && isBudgeted) ? "the budget under-estimated" : "this version does not take out of the budget"}.`,
    ];
  if (kind === "stateCache") return ["There are fewer state slots than sequences."];
  return [
    "The engine ran out of memory after it had started: what a request needs beside KV was more than the share left outside.",
  ];
}
