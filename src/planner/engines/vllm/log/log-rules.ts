/** @module How vLLM's start-up output is understood. */
import type { LogFacts } from "../../../log/log-facts.ts";
import { bytesOf } from "../../../plan/component.ts";
import type { FailureKind } from "../../../plan/failure.ts";
import type { Plan } from "../../../plan/plan.ts";
import type { LogRules, Shortfall } from "../../../rules/engine-rules.ts";
import { vllmCause } from "./cause.ts";
import { vllmMeasuredBytes } from "./measured-bytes.ts";
import { readVllmLog } from "./read-log.ts";

const marks =
  /\bvllm\b|vLLM|LLM engine \(v|gpu_memory_utilization|GPU KV cache size|# (?:GPU|cuda) blocks|KV cache memory|Model loading took|cache blocks|max seq len/;

function likelyVersion({ runner, figures }: LogFacts): string | null {
  if (runner === "V0") return "0.7.3";
  if (figures.graphs !== undefined || figures.consumed !== undefined) return null;
  return runner === "V1" ? "0.10.0" : null;
}

/** Least share of the card that must become free beside the budget, for a start that died of what no budget holds. */
const leastGain = 0.02;

/** Memory that no budget holds and that capture or serving needs: graphs, and what the profile run never sees. */
function hasRoomOutside(failure: FailureKind, changed: Plan, failed: Shortfall): boolean {
  const { planned, request, lackingBytes } = failed;
  const total = changed.total.expectedBytes;
  const outside = total - request.usedBytes - bytesOf(changed, "runtime") - (changed.budgetBytes ?? 0);
  const graphs = changed.components.find(({ name }) => name === "graphs");
  const uncharged = graphs === undefined || graphs.isBudgeted ? 0 : graphs.quantity.highBytes;
  const gained =
    total - (changed.budgetBytes ?? 0) - (planned.total.expectedBytes - (planned.budgetBytes ?? 0));
  const isEager = failure === "graphCapture" && changed.settings["enforce-eager"]?.value === true;
  return isEager || (outside >= uncharged && gained >= Math.max(leastGain * total, lackingBytes));
}

/** Phases in which memory outside the budget was lacking: the share itself is too large. */
const outside: ReadonlySet<FailureKind> = new Set(["kvAllocation", "graphCapture", "warmUp", "serving"]);

export const vllmLog: LogRules = {
  marks,
  read: readVllmLog,
  likelyVersion,
  measuredBytes: vllmMeasuredBytes,
  cause: vllmCause,
  getsPast: (failure, changed, failed) =>
    outside.has(failure) ? hasRoomOutside(failure, changed, failed) : true,
};
