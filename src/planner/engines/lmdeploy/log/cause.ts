/** @module Why an LMDeploy start ended, in sentences with both numbers. */
import { formatBytes } from "../../../../core/byte-size.ts";
import { bytesOf } from "../../../plan/component.ts";
import type { FailureKind } from "../../../plan/failure.ts";
import type { Plan } from "../../../plan/plan.ts";

const size = (plan: Plan, name: Parameters<typeof bytesOf>[1]): string => formatBytes(bytesOf(plan, name));

/** TurboMind: free = KV region + rest, and the rest must hold buffers and activations. */
function turbomindActivations(plan: Plan): string[] {
  const region = bytesOf(plan, "kvPool");
  const buffers = bytesOf(plan, "persistent");
  const activations = bytesOf(plan, "activations");
  const rest = freeAfterLoading(plan) - region;
  const tokens = plan.kv?.numTokens.expected ?? 0;
  return [
    `Activation headroom is missing, not KV: of ${formatBytes(rest + region)} free after the weights the KV region takes ${formatBytes(region)} (${tokens} tokens), and ${formatBytes(rest)} stay for everything else.`,
    `The warm-up forward of ${forwardTokens(plan)} tokens needs ${formatBytes(activations)} of activations, and buffers hold ${formatBytes(buffers)}: together ${formatBytes(activations + buffers)}.`,
    "Its size is set by --max-prefill-token-num and --max-batch-size.",
  ];
}

function freeAfterLoading(plan: Plan): number {
  const held = ["runtime", "weights", "other"] as const;
  return plan.total.expectedBytes - held.reduce((total, name) => total + bytesOf(plan, name), 0);
}

function forwardTokens(plan: Plan): number {
  const { "max-prefill-token-num": prefill, "max-batch-size": batch } = plan.settings;
  return Number(prefill?.value ?? 0) + Number(batch?.value ?? 0);
}

/** Sentences on a failure, from the figures of the plan. */
export function lmdeployCause(kind: FailureKind, plan: Plan): string[] {
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
