/** @module How llama-server's output is understood. */
import { formatBytes } from "../../../../core/byte-size.ts";
import { bytesOf } from "../../../plan/component.ts";
import type { FailureKind } from "../../../plan/failure.ts";
import type { MeasuredBytes, Plan } from "../../../plan/plan.ts";
import type { LogRules } from "../../../rules/engine-rules.ts";
import { readLlamaServerLog } from "./read-log.ts";

const marks =
  /llama_model_loader|llama_kv_cache|llama_init_from_model|llama_new_context_with_model|llama_context:|load_tensors:|llm_load_tensors|ggml_backend_cuda|ggml_cuda_init|srv\s+load_model|common_params_fit|sched_reserve|llama-server/;

const parts = {
  weights: "weights",
  kvAllocation: "kvPool",
  stateCache: "state",
  activations: "workspace",
} as const;

function cause(failure: FailureKind, plan: Plan | null): readonly string[] {
  if (plan === null) return [];
  const held = plan.components.reduce((sum, { quantity }) => sum + quantity.expectedBytes, 0);
  const total = `All of it needs ${formatBytes(held)} of a device with ${formatBytes(plan.total.expectedBytes)}.`;
  const name = failure in parts ? parts[failure as keyof typeof parts] : null;
  if (name === null) return [total];
  const label = plan.components.find((part) => part.name === name)?.label ?? failure;
  return [`The ${label} of ${formatBytes(bytesOf(plan, name))} did not fit any more.`, total];
}

/** Buffers follow from the model and the flags: what a log measures of them corrects the weights alone. */
function measuredBytes(): MeasuredBytes {
  return {};
}

export const llamaServerLog: LogRules = {
  marks,
  read: readLlamaServerLog,
  phaseNames: {
    activations: "while the compute buffers were allocated",
    kvAllocation: "while the cache was allocated",
    stateCache: "while the states were allocated",
  },
  likelyVersion: () => null,
  measuredBytes,
  cause: (failure, _facts, plan) => cause(failure, plan),
  getsPast: (_failure, changed) => changed.verdict.kind === "fits",
};
