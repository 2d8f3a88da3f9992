/** @module The pool of the target engine: the share, block count or byte size that gives it the same KV memory. */

import { planOrNull, rulesOf } from "../engines/engines.ts";
import { changedRequest } from "../plan/change.ts";
import type { FlagValues } from "../plan/flag.ts";
import type { Plan, PlanRequest } from "../plan/plan.ts";
import { percentages } from "../rules/step-values.ts";
import { firstThatFits } from "../search/smallest-that-fits.ts";

/** What the two starts shall have in common: the KV memory, or the whole footprint of the process (for packing). */
export type Kept = "kv" | "footprint";

export interface PoolMatch {
  readonly flags: FlagValues;
  /** What the target cannot have, with both numbers; null where it matches. */
  readonly shortfall: string | null;
}

/** Digits of a share: 1e-9 of 80 GiB are 86 bytes, far below a block; a 32-bit float holds seven or eight. */
const shareDigits = 9;
const numHalvings = 60;

function sizeOf(plan: Plan, kept: Kept): number {
  return kept === "kv"
    ? (plan.kv?.available.expectedBytes ?? 0)
    : rulesOf(plan.engine).copies.heldBytes(plan);
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

/**
 * The bytes a start asks for before its engine cuts them into blocks: such a pool is proportional to the share, so the
 * share over the smallest one that gives as many blocks tells what was cut off.
 */
export function askedBytes(request: PlanRequest, plan: Plan, kept: Kept): number {
  const bytes = sizeOf(plan, kept);
  const { roles, pool } = rulesOf(request.engine);
  if (roles.share === null) return bytes;
  const share = Number(plan.settings[roles.share]?.value ?? 1);
  if (!pool.cutsShareToBlocks || kept === "footprint" || share >= 1) return bytes;
  const smallest = shareFor(request, roles.share, bytes, share, kept);
  return smallest === null || smallest === 0 ? bytes : bytes * (share / smallest);
}

/** A share of the target that gives `wanted` bytes, or its largest with both numbers. */
export function matchShare(request: PlanRequest, wanted: number, kept: Kept): PoolMatch {
  const { roles, pool } = rulesOf(request.engine);
  const flag = roles.share;
  if (flag === null) return matchStated(request, wanted);
  const share = shareFor(request, flag, wanted, pool.mostShare, kept);
  if (share !== null) {
    const isCut = pool.cutsShareToBlocks && kept === "kv";
    const exactShare = isCut ? share * (wanted / bytesAt(request, flag, share, kept)) : share;
    return { flags: { [flag]: shareText(exactShare) }, shortfall: null };
  }
  const largest = bytesAt(request, flag, pool.mostShare, kept);
  const most = shareText(pool.mostShare);
  return {
    flags: { [flag]: most },
    shortfall: `${Math.round(wanted)} bytes are wanted and --${flag} ${most} gives ${Math.round(largest)}`,
  };
}

export interface FittingShare {
  readonly flag: string;
  readonly share: string;
  readonly plan: Plan;
}

/** The largest share in hundredths with which the target surely starts; null where none does. */
export function largestFittingShare(request: PlanRequest): FittingShare | null {
  const flag = rulesOf(request.engine).roles.share;
  if (flag === null) return null;
  const found = firstThatFits(percentages(1, 99).reverse(), (share) => {
    const plan = planOrNull({ ...request, flags: { ...request.flags, [flag]: share } });
    return plan?.verdict.kind === "fits" ? plan : null;
  });
  return found === null ? null : { flag, share: found.change, plan: found.answer };
}

/** A size that the user stated absolutely stays absolute where the target can state one. */
export function matchAbsolute(request: PlanRequest, wanted: number): PoolMatch {
  const stated = statedFlags(request, wanted);
  return stated === null ? matchShare(request, wanted, "kv") : { flags: stated, shortfall: null };
}

/** The pool of an engine that has no share. */
function matchStated(request: PlanRequest, wanted: number): PoolMatch {
  const stated = statedFlags(request, wanted);
  if (stated !== null) return { flags: stated, shortfall: null };
  return { flags: {}, shortfall: `${Math.round(wanted)} bytes are wanted, and no flag states them` };
}

function statedFlags(request: PlanRequest, wanted: number): FlagValues | null {
  const plan = planOrNull(request);
  const stated = plan === null ? null : rulesOf(request.engine).pool.absolute(wanted, plan);
  return stated === null ? null : changedRequest(request, { flags: stated }).flags;
}
