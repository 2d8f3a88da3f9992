/**
 * @module Several starts on one device where LMDeploy is among them (lmdeploy-memory.md §5.3).
 *
 * The pool is a share of what is free after the weights, so the same command gives every copy less than the one before.
 * Copies with the same KV K need another share each:
 *
 *   F_i = total − others − (i − 1) × I − context − weights − workspace        r_i = K ÷ F_i        I: bytes of one copy
 */
import { formatBytes, mib } from "../../../core/byte-size.ts";
import type { Step } from "../../plan/change.ts";
import { bytesOf } from "../../plan/component.ts";
import type { Plan, PlanComponent, PlanRequest } from "../../plan/plan.ts";
import { exact } from "../../quantity/quantity.ts";
import type { CopyRules, CopyWay, StartOutcome } from "../../rules/engine-rules.ts";
import { percentages } from "../../rules/step-values.ts";
import { planLmdeploy } from "./plan/plan.ts";
import { isLegacyTurbomind, isPytorch } from "./plan/which-engine.ts";

/** TurboMind keeps recurrent states inside its pool, the PyTorch engine beside it. */
const isInPool = ({ name, isBudgeted }: PlanComponent): boolean => name === "state" && isBudgeted;

/** Everything the plan names. */
function heldBytes(plan: Plan): number {
  return plan.components
    .filter((component) => !isInPool(component))
    .reduce((total, { quantity }) => total + Math.max(0, quantity.expectedBytes), 0);
}

/** What is allocated before free memory is measured. */
function loadedBytes(plan: Plan): number {
  return bytesOf(plan, "runtime") + bytesOf(plan, "weights") + bytesOf(plan, "other");
}

/**
 * At the worst a start finds either all that the others will ever hold, or, where all measure at the same moment, all
 * weights loaded and the same free memory promised to everyone.
 */
function startAmong(request: PlanRequest, alone: Plan, others: readonly Plan[]): StartOutcome {
  const heldByOthers = others.reduce((total, other) => total + heldBytes(other), 0);
  const late = planLmdeploy({ ...request, usedBytes: request.usedBytes + heldByOthers });
  if (late.verdict.kind !== "fits")
    return { starts: false, why: `it may find ${formatBytes(heldByOthers)} taken by the others` };
  const loaded = [alone, ...others].reduce((total, plan) => total + loadedBytes(plan), 0);
  const free = Math.max(0, alone.total.expectedBytes - request.usedBytes - loaded);
  const measured = { ...request.measured, free: exact(free, "all weights are loaded") };
  const atOnce = planLmdeploy({ ...request, measured });
  const each = heldBytes(atOnce) - loadedBytes(atOnce);
  const starts = atOnce.verdict.kind === "fits" && each * (others.length + 1) <= free;
  return {
    starts,
    why: `all may measure the same ${formatBytes(free)} of free memory, and each takes its share of it`,
  };
}

const fractions = [1, 0.97, 0.94, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4];
/** Digits of a share that LMDeploy's 32-bit float keeps. */
const shareDigits = 7;

/** KV bytes that each of the copies could have if all were alike, at the high ends of the estimates. */
function mostKvBytes(request: PlanRequest, planned: Plan, wanted: number): number {
  const besides = planned.components
    .filter((component) => component.name !== "kvPool" && !isInPool(component))
    .reduce((total, { quantity }) => total + Math.max(0, quantity.highBytes), 0);
  return Math.floor((planned.total.expectedBytes - request.usedBytes) / wanted - besides);
}

/** One share for each place: the same KV bytes out of what is free there. */
function* sharesByPlace(request: PlanRequest, planned: Plan, wanted: number): Generator<readonly Step[]> {
  const most = mostKvBytes(request, planned, wanted);
  const besides = heldBytes(planned) - bytesOf(planned, "kvPool");
  for (const fraction of most > 0 ? fractions : []) {
    const kvBytes = Math.floor((most * fraction) / mib) * mib;
    const held = besides + kvBytes;
    const first = planned.total.expectedBytes - request.usedBytes - loadedBytes(planned);
    const shares = Array.from({ length: wanted }, (_, place) => kvBytes / (first - place * held));
    if (shares.some((share) => !(share > 0 && share < 1))) continue;
    yield shares.map((share) => ({ flags: { "cache-max-entry-count": share.toFixed(shareDigits) } }));
  }
}

/** A stated number of blocks, which is the same at every place. */
function* blockCounts(
  request: PlanRequest,
  planned: Plan,
  wanted: number,
  flag: string,
): Generator<readonly Step[]> {
  const most = mostKvBytes(request, planned, wanted);
  const blockBytes = planned.kv?.bytesPerBlock ?? 0;
  for (const fraction of most > 0 && blockBytes > 0 ? fractions : []) {
    const numBlocks = Math.floor((most * fraction) / blockBytes);
    if (numBlocks > 1) yield [{ flags: { [flag]: String(numBlocks) } }];
  }
}

function* equalShares(values: readonly string[]): Generator<readonly Step[]> {
  for (const share of values) yield [{ flags: { "cache-max-entry-count": share } }];
}

function ways(request: PlanRequest, planned: Plan, wanted: number): readonly CopyWay[] {
  const equal: readonly CopyWay[] = [
    {
      why: "the smallest equal share; the same command gives every copy less than the one before",
      candidates: equalShares(percentages(1, 98)),
    },
    {
      why: "the largest equal share; the same command gives every copy less than the one before",
      candidates: equalShares(percentages(1, 98).reverse()),
    },
  ];
  const counted = isPytorch(planned)
    ? "num-gpu-blocks"
    : isLegacyTurbomind(planned)
      ? "cache-max-entry-count"
      : null;
  if (counted !== null) {
    const candidates = blockCounts(request, planned, wanted, counted);
    return [{ why: "the same number of KV blocks for each", candidates }, ...equal];
  }
  return [
    {
      why: "one command for each place in the order of starts, each with the same KV",
      candidates: sharesByPlace(request, planned, wanted),
    },
    ...equal,
  ];
}

export const lmdeployCopies: CopyRules = {
  note: "Each instance takes a share of what the earlier ones left, so the same command gives less every time.",
  fillsShareOfTotal: false,
  heldBytes,
  startAmong,
  ways,
};
