/** @module Several starts on one machine: each holds what its cap allows, and finds the rest available. */
import { formatBytes, mib } from "../../../core/byte-size.ts";
import type { Step } from "../../plan/change.ts";
import type { Plan, PlanRequest } from "../../plan/plan.ts";
import type { CopyRules, CopyWay, StartOutcome } from "../../rules/engine-rules.ts";
import { planPagoda } from "./plan.ts";

/** All that the cap allows; without a cap, all that is set aside. */
function heldBytes({ budgetBytes, components }: Plan): number {
  return budgetBytes ?? components.reduce((sum, { quantity }) => sum + quantity.highBytes, 0);
}

/** Nothing is profiled: others at the same moment only take what is available. */
function startAmong(request: PlanRequest, _alone: Plan, others: readonly Plan[]): StartOutcome {
  const othersBytes = others.reduce((sum, other) => sum + heldBytes(other), 0);
  const late = planPagoda({ ...request, usedBytes: request.usedBytes + othersBytes });
  return {
    starts: late.verdict.kind === "fits",
    why: `it may find ${formatBytes(othersBytes)} taken by the others`,
  };
}

/** The largest cap of whole MiB of which `wanted` fit beside each other. */
function* equalCaps(request: PlanRequest, planned: Plan, wanted: number): Generator<readonly Step[]> {
  const availableBytes = planned.total.expectedBytes - request.usedBytes;
  const mebibytes = Math.floor(availableBytes / wanted / mib);
  if (mebibytes < 1) return;
  const flags = { memory: `${mebibytes}MiB`, "gpu-memory-utilization": null };
  yield [{ flags }];
  // A pool that was stated may be what does not fit.
  yield [{ flags: { ...flags, ...noPool } }];
}

const noPool = {
  "cache-max-entry-count": null,
  "kv-cache-memory-bytes": null,
  "num-gpu-blocks-override": null,
  "max-kv-tokens": null,
} as const;

function ways(request: PlanRequest, planned: Plan, wanted: number): readonly CopyWay[] {
  return [
    {
      why: "the same cap for each, runtime and weights and all",
      candidates: equalCaps(request, planned, wanted),
    },
  ];
}

export const pagodaCopies: CopyRules = {
  note: "The order of starts does not matter: a cap covers all that an instance holds.",
  fillsShareOfTotal: false,
  heldBytes,
  startAmong,
  ways,
};
