/** @module Why a start ended as it did: which component was missing, in a sentence with both numbers. */
import { formatBytes } from "../../core/byte-size.ts";
import type { FailureKind, LogFacts } from "../log/log-facts.ts";
import type { Plan } from "../plan/plan.ts";
import { partOf } from "./measured-parts.ts";

export type Missing =
  | "freeMemory"
  | "weights"
  | "activations"
  | "kv"
  | "graphs"
  | "states"
  | "setting"
  | "memory";

export interface Cause {
  readonly missing: Missing | null;
  readonly sentences: readonly string[];
}

const missingBy: Readonly<Record<FailureKind, Missing>> = {
  invalidSetting: "setting",
  freeMemoryAtStart: "freeMemory",
  neighbourFreed: "freeMemory",
  weights: "weights",
  activations: "activations",
  sampler: "activations",
  runtimeReserve: "activations",
  warmUpStall: "kv",
  noKvMemory: "kv",
  requestTooLong: "kv",
  stateCache: "states",
  graphCapture: "graphs",
  serving: "memory",
  outOfMemory: "memory",
};

const size = (plan: Plan, name: Parameters<typeof partOf>[1]): string =>
  formatBytes(partOf(plan, name).expectedBytes);

/** TurboMind: free = KV region + rest, and the rest must hold buffers and activations. */
function turbomindActivations(plan: Plan): string[] {
  const region = partOf(plan, "kvPool").expectedBytes;
  const buffers = partOf(plan, "persistent").expectedBytes;
  const activations = partOf(plan, "activations").expectedBytes;
  const rest = freeAfterLoading(plan) - region;
  const tokens = plan.kv?.numTokens.expected ?? 0;
  return [
    `Activation headroom is missing, not KV: of ${formatBytes(rest + region)} free after the weights the KV region takes ${formatBytes(region)} (${tokens} tokens), and ${formatBytes(rest)} stay for everything else.`,
    `The warm-up forward of ${forwardTokens(plan)} tokens needs ${formatBytes(activations)} of activations, and buffers hold ${formatBytes(buffers)}: together ${formatBytes(activations + buffers)}.`,
    "Its size is set by --max-prefill-token-num and --max-batch-size.",
  ];
}

function freeAfterLoading(plan: Plan): number {
  const held = ["context", "weights", "other"] as const;
  return plan.total.expectedBytes - held.reduce((total, name) => total + partOf(plan, name).expectedBytes, 0);
}

function forwardTokens(plan: Plan): number {
  const { "max-prefill-token-num": prefill, "max-batch-size": batch } = plan.settings;
  return Number(prefill?.value ?? 0) + Number(batch?.value ?? 0);
}

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

function vllmSentences(kind: FailureKind, facts: LogFacts, plan: Plan): string[] {
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

function lmdeploySentences(kind: FailureKind, plan: Plan): string[] {
  const isPytorch = plan.rules.startsWith("PyTorch");
  if (kind === "weights")
    return [
      `The weights need ${size(plan, "weights")} of a card of ${formatBytes(plan.total.expectedBytes)}, and repacking a layer needs more for a moment.`,
    ];
  if (kind === "activations" && !isPytorch) return turbomindActivations(plan);
  if (kind === "activations")
    return [`The forward pass needs ${size(plan, "activations")} beside weights and KV.`];
  if (kind === "warmUpStall")
    return [
      `The pool holds ${plan.kv?.numTokens.expected ?? 0} tokens and the warm-up asks for ${forwardTokens(plan)} at once: it waits for blocks that nobody can free.`,
    ];
  if (kind === "noKvMemory" || kind === "runtimeReserve")
    return [
      `The engine sets logits of ${forwardTokens(plan)} and more rows aside before it counts blocks, and fewer than three blocks were left. It is the prefill budget that is too large, not the KV share that is too small.`,
    ];
  if (kind === "stateCache") return ["The recurrent states of all sequences do not fit beside the weights."];
  return [
    `A request needs more blocks than the whole pool of ${plan.kv?.numTokens.expected ?? 0} tokens has.`,
  ];
}

/** The cause of a failure, from what the log says and what the plan with the log's figures computes. */
export function causeOf(facts: LogFacts, plan: Plan | null): Cause {
  const { failure } = facts;
  if (failure === null) return { missing: null, sentences: [] };
  const missing = missingBy[failure.kind];
  if (plan === null || failure.kind === "invalidSetting") return { missing, sentences: [failure.message] };
  const sentences =
    facts.engine === "vllm"
      ? vllmSentences(failure.kind, facts, plan)
      : lmdeploySentences(failure.kind, plan);
  return { missing, sentences };
}
