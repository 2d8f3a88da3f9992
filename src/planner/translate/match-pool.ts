/** @module The pool of the target engine: the share, block count or byte size that gives it the same KV memory. */

import { heldBytes } from "../copies/replicas.ts";
import { planOrNull } from "../explain/trial.ts";
import type { FlagValues, Plan, PlanRequest } from "../plan/plan.ts";

/** What the two starts shall have in common: the KV memory, or the whole footprint of the process (for packing). */
export type Kept = "kv" | "footprint";

export interface PoolMatch {
  readonly flags: FlagValues;
  /** What the target cannot have, with both numbers; null where it matches. */
  readonly shortfall: string | null;
}

/** Digits of a share: 1e-9 of 80 GiB are 86 bytes, far below a block; LMDeploy's own float holds seven or eight. */
const shareDigits = 9;
const numHalvings = 60;

function sizeOf(plan: Plan, kept: Kept): number {
  return kept === "kv" ? (plan.kv?.available.expectedBytes ?? 0) : heldBytes(plan);
}

/** Bytes that a share gives on the target; a refused share gives nothing. */
function bytesAt(request: PlanRequest, flag: string, share: number, kept: Kept): number {
  const plan = planOrNull({ ...request, flags: { ...request.flags, [flag]: share.toFixed(shareDigits) } });
  return plan === null ? 0 : sizeOf(plan, kept);
}

/** The smallest share that gives at least `wanted` bytes; the bytes rise with the share. */
function shareFor(
  request: PlanRequest,
  flag: string,
  wanted: number,
  most: number,
  kept: Kept,
): number | null {
  if (bytesAt(request, flag, most, kept) < wanted) return null;
  let [low, high] = [0, most];
  for (let step = 0; step < numHalvings; step++) {
    const middle = (low + high) / 2;
    if (bytesAt(request, flag, middle, kept) >= wanted) high = middle;
    else low = middle;
  }
  return high;
}

/** Six digits at least, more where the plan needs them, and no zeros behind them. */
function shareText(share: number): string {
  const [whole, decimals = ""] = share.toFixed(shareDigits).split(".");
  return `${whole}.${decimals.slice(0, 6)}${decimals.slice(6).replace(/0+$/, "")}`;
}

const shareFlags = {
  vllm: { flag: "gpu-memory-utilization", most: 1 },
  // LMDeploy refuses 1, and its float rounds anything closer than this up to it.
  lmdeploy: { flag: "cache-max-entry-count", most: 0.9999999 },
} as const;

function shareOf(request: PlanRequest) {
  return request.engine === "vllm" ? shareFlags.vllm : shareFlags.lmdeploy;
}

/**
 * The bytes a start asks for before LMDeploy cuts them into blocks: its pool is proportional to the share, so the share
 * over the smallest one that gives as many blocks tells what was cut off.
 */
export function askedBytes(request: PlanRequest, plan: Plan, kept: Kept): number {
  const bytes = sizeOf(plan, kept);
  const share = Number(plan.settings[shareFlags.lmdeploy.flag]?.value ?? 1);
  if (request.engine === "vllm" || kept === "footprint" || share >= 1) return bytes;
  const smallest = shareFor(request, shareFlags.lmdeploy.flag, bytes, share, kept);
  return smallest === null || smallest === 0 ? bytes : bytes * (share / smallest);
}

/** A share of the target that gives `wanted` bytes, or its largest with both numbers. */
export function matchShare(request: PlanRequest, wanted: number, kept: Kept): PoolMatch {
  const { flag, most } = shareOf(request);
  const share = shareFor(request, flag, wanted, most, kept);
  if (share !== null) {
    const isCut = request.engine === "lmdeploy" && kept === "kv";
    const exactShare = isCut ? share * (wanted / bytesAt(request, flag, share, kept)) : share;
    return { flags: { [flag]: shareText(exactShare) }, shortfall: null };
  }
  const largest = bytesAt(request, flag, most, kept);
  return {
    flags: { [flag]: shareText(most) },
    shortfall: `${Math.round(wanted)} bytes are wanted and --${flag} ${shareText(most)} gives ${Math.round(largest)}`,
  };
}

export interface FittingShare {
  readonly flag: string;
  readonly share: string;
  readonly plan: Plan;
}

/** The largest share in hundredths with which the target surely starts; null where none does. */
export function largestFittingShare(request: PlanRequest): FittingShare | null {
  const { flag } = shareOf(request);
  for (let hundredths = 99; hundredths > 0; hundredths--) {
    const share = (hundredths / 100).toFixed(2);
    const plan = planOrNull({ ...request, flags: { ...request.flags, [flag]: share } });
    if (plan?.verdict.kind === "fits") return { flag, share, plan };
  }
  return null;
}

/** A size that the user stated absolutely stays absolute where the target can state one. */
export function matchAbsolute(request: PlanRequest, wanted: number): PoolMatch {
  if (request.engine === "vllm")
    return { flags: { "kv-cache-memory-bytes": String(Math.round(wanted)) }, shortfall: null };
  const plan = planOrNull(request);
  const blockBytes = plan?.kv?.bytesPerBlock ?? 0;
  const isPytorch = plan?.rules.startsWith("PyTorch") === true;
  if (!isPytorch || blockBytes === 0) return matchShare(request, wanted, "kv");
  return { flags: { "num-gpu-blocks": String(Math.floor(wanted / blockBytes)) }, shortfall: null };
}
