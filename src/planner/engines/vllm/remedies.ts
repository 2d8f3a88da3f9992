/** @module Changes that may make a vLLM start fit, mildest first. */

import type { FlagValues, Plan, PlanRequest } from "../../plan/plan.ts";
import { gib } from "../../quantity/bytes.ts";
import type { FlagChange } from "../../search/suggestions.ts";

function lengthIn(message: string | null): number | null {
  const match = /estimated maximum model length is (\d+)|stored in KV cache \((\d+)\)/.exec(message ?? "");
  const length = Number(match?.[1] ?? match?.[2] ?? 0);
  return length > 0 ? length : null;
}

function change(flags: FlagValues, added: FlagValues, why: string): FlagChange {
  return {
    flags: { ...flags, ...added },
    added: Object.entries(added).map(([name, value]) =>
      value === true ? `--${name}` : `--${name} ${value}`,
    ),
    why,
  };
}

/** Candidates for a plan that does not fit. */
export function vllmCandidates(request: PlanRequest, plan: Plan): FlagChange[] {
  const { flags, device } = request;
  const total = device.total.expectedBytes;
  const freeShare = Math.floor(((total - request.usedBytes - 0.75 * gib) / total) * 100) / 100;
  const share = Number(plan.settings["gpu-memory-utilization"]?.value ?? 0.9);
  const { "gpu-memory-utilization": _u, ...rest } = flags;
  const found: FlagChange[] = [];
  if (freeShare > 0 && freeShare !== share)
    found.push(
      change(rest, { "gpu-memory-utilization": freeShare.toFixed(2) }, "the share of the card that is free"),
    );
  const length = lengthIn(plan.verdict.engineMessage);
  const { "max-model-len": _l, ...withoutLength } = flags;
  if (length !== null)
    found.push(change(withoutLength, { "max-model-len": String(length) }, "the longest request that fits"));
  if (flags["kv-cache-dtype"] === undefined)
    found.push(change(flags, { "kv-cache-dtype": "fp8" }, "KV at one byte a number"));
  if (flags["max-num-seqs"] === undefined)
    found.push(change(flags, { "max-num-seqs": "64" }, "a smaller sampler peak"));
  found.push(
    change(withoutLength, { "max-model-len": "auto" }, "let vLLM take the longest request that fits"),
  );
  if (flags["enforce-eager"] === undefined)
    found.push(change(flags, { "enforce-eager": true }, "no CUDA graphs"));
  for (const ranks of ["2", "4", "8"])
    found.push(change(flags, { "tensor-parallel-size": ranks }, `the weights over ${ranks} cards`));
  return found;
}
