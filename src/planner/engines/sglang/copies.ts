/** @module Several SGLang servers on one device: each takes a share of what is free when it starts. */
import { formatBytes } from "../../../core/byte-size.ts";
import type { Step } from "../../plan/change.ts";
import { bytesOf } from "../../plan/component.ts";
import type { Plan, PlanRequest } from "../../plan/plan.ts";
import type { CopyRules, CopyWay, StartOutcome } from "../../rules/engine-rules.ts";
import { percentages } from "../../rules/step-values.ts";
import { planSglang } from "./plan/plan.ts";

function heldBytes({ components }: Plan): number {
  return components.reduce((sum, { quantity }) => sum + Math.max(0, quantity.expectedBytes), 0);
}

/** All that measure at the same moment see the same free memory, and each takes its share of it. */
function startAmong(request: PlanRequest, alone: Plan, others: readonly Plan[]): StartOutcome {
  const othersBytes = others.reduce((sum, other) => sum + heldBytes(other), 0);
  const late = planSglang({ ...request, usedBytes: request.usedBytes + othersBytes });
  const together = [alone, ...others].reduce((sum, plan) => sum + heldBytes(plan), request.usedBytes);
  return {
    starts: late.verdict.kind === "fits" && together <= alone.total.expectedBytes,
    why: `it may find ${formatBytes(othersBytes)} taken by the others, or measure with them and take a share of the same memory`,
  };
}

const fractions = [1, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4];

/** One share for each place, so that every copy has the same pool and the same room beside it. */
function* sharesByPlace(request: PlanRequest, planned: Plan, wanted: number): Generator<readonly Step[]> {
  const total = planned.total.expectedBytes - request.usedBytes;
  const outside = planned.components
    .filter(({ isBudgeted }) => !isBudgeted)
    .reduce((sum, { quantity }) => sum + quantity.highBytes, 0);
  const context = bytesOf(planned, "runtime") + bytesOf(planned, "other");
  for (const fraction of fractions) {
    const budget = (total / wanted - outside) * fraction;
    if (budget <= bytesOf(planned, "weights")) continue;
    const each = budget + outside;
    const shares = Array.from({ length: wanted }, (_, place) => budget / (total - place * each - context));
    if (shares.some((share) => !(share > 0.01 && share < 0.99))) continue;
    yield shares.map((share) => ({ flags: { "mem-fraction-static": share.toFixed(3) } }));
  }
}

function* equalShares(): Generator<readonly Step[]> {
  for (const share of percentages(5, 90).reverse()) yield [{ flags: { "mem-fraction-static": share } }];
}

function ways(request: PlanRequest, planned: Plan, wanted: number): readonly CopyWay[] {
  return [
    {
      why: "one command for each place in the order of starts, each with the same pool",
      candidates: sharesByPlace(request, planned, wanted),
    },
    { why: "the largest equal share", candidates: equalShares() },
  ];
}

export const sglangCopies: CopyRules = {
  note: "Start them one after another: the share is one of what is free when the weights are loaded, so the same share gives less every time.",
  fillsShareOfTotal: false,
  heldBytes,
  startAmong,
  ways,
};
