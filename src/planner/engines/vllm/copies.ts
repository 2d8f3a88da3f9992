/**
 * @module Several starts on one device where vLLM is among them (vllm-memory.md §1.3).
 *
 * A start finds what the earlier ones left and fills its share of the total. One that profiles while others allocate is
 * billed for what they allocate, because it measures the whole device.
 */
import { formatBytes, mib } from "../../../core/byte-size.ts";
import type { FlagChanges, Step } from "../../plan/change.ts";
import { bytesOf } from "../../plan/component.ts";
import type { Plan, PlanRequest } from "../../plan/plan.ts";
import { exact } from "../../quantity/quantity.ts";
import type { CopyRules, CopyWay, StartOutcome } from "../../rules/engine-rules.ts";
import { planVllm } from "./plan/plan.ts";
import { isSince, newestVllm, versionNumber } from "./settings/versions.ts";

/** The context is inside the budget only where the whole device is billed; then what others hold is inside it too. */
function billsDevice(plan: Plan): boolean {
  return plan.components.some(({ name, isBudgeted }) => name === "runtime" && isBudgeted);
}

/** Everything the plan names, and the whole budget: it is filled, whatever the parts are, unless the pool is stated. */
function heldBytes(plan: Plan): number {
  const sum = plan.components.reduce((total, { quantity }) => total + Math.max(0, quantity.expectedBytes), 0);
  const isStated = "kv-cache-memory-bytes" in plan.settings || "num-gpu-blocks-override" in plan.settings;
  if (isStated || plan.budgetBytes === null || billsDevice(plan)) return sum;
  const outside = plan.components.filter(({ isBudgeted }) => !isBudgeted);
  return Math.max(
    sum,
    plan.budgetBytes + outside.reduce((total, { quantity }) => total + quantity.expectedBytes, 0),
  );
}

function startAmong(request: PlanRequest, alone: Plan, others: readonly Plan[]): StartOutcome {
  const billed = others.reduce(
    (total, other) =>
      total + (billsDevice(alone) ? heldBytes(other) : bytesOf(other, "weights") + bytesOf(other, "runtime")),
    0,
  );
  const persistent = exact(bytesOf(alone, "persistent") + billed, "neighbours billed as its own");
  const disturbed = planVllm({ ...request, measured: { ...request.measured, persistent } });
  return {
    starts: disturbed.verdict.kind === "fits",
    why: `it may be billed ${formatBytes(billed)} of the others`,
  };
}

/** What a copy takes besides KV, at the high ends of the estimates. */
function bytesBesidesKv(planned: Plan): number {
  return planned.components
    .filter(({ name }) => name !== "kvPool")
    .reduce((total, { quantity }) => total + Math.max(0, quantity.highBytes), 0);
}

/** Takes flags away, where they were given. */
function without(request: PlanRequest, ...names: readonly string[]): FlagChanges {
  return Object.fromEntries(names.filter((name) => name in request.flags).map((name) => [name, null]));
}

const fractions = [1, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5];

/** The same KV bytes for each copy, and a share that only has to pass the check of free memory. */
function* kvSizes(request: PlanRequest, planned: Plan, wanted: number): Generator<readonly Step[]> {
  const total = planned.total.expectedBytes;
  const each = Math.floor((total - request.usedBytes) / wanted);
  const most = each - bytesBesidesKv(planned);
  const share = Math.floor(((each - bytesOf(planned, "runtime")) / total) * 100) / 100;
  if (most <= 0 || share < 0.01) return;
  for (const fraction of fractions) {
    const kvBytes = Math.floor((most * fraction) / mib) * mib;
    const flags = {
      "gpu-memory-utilization": share.toFixed(2),
      "kv-cache-memory-bytes": String(kvBytes),
      ...without(request, "num-gpu-blocks-override"),
    };
    yield [{ flags }];
  }
}

const mostSharesTried = 10;

/** A share of the total that leaves room for the contexts of all copies, which lie outside it. */
function* shares(request: PlanRequest, planned: Plan, wanted: number): Generator<readonly Step[]> {
  const total = planned.total.expectedBytes;
  const contexts = wanted * bytesOf(planned, "runtime");
  const most = Math.floor(((total - request.usedBytes - contexts) / wanted / total) * 100);
  for (let percent = most; percent > Math.max(0, most - mostSharesTried); percent--) {
    const flags = {
      "gpu-memory-utilization": (percent / 100).toFixed(2),
      ...without(request, "kv-cache-memory-bytes", "num-gpu-blocks-override"),
    };
    yield [{ flags }];
  }
}

/** The first version that every installation has `--kv-cache-memory-bytes` from. */
const firstWithKvBytes = [0, 11, 0] as const;

function hasKvBytes(request: PlanRequest): boolean {
  return isSince(versionNumber(request.version ?? newestVllm) ?? firstWithKvBytes, firstWithKvBytes);
}

/** Where each start is billed for all that the device holds: a share that grows with the place, the last one the most. */
function* growingShares(request: PlanRequest, planned: Plan, wanted: number): Generator<readonly Step[]> {
  const total = planned.total.expectedBytes;
  const used = request.usedBytes / total;
  const outside = planned.components.filter(({ isBudgeted }) => !isBudgeted);
  const kept = outside.reduce((sum, { quantity }) => sum + quantity.highBytes, 0) / total;
  const most = Math.floor((1 - used - kept) * 100);
  for (let percent = most; percent > Math.max(0, most - mostSharesTried); percent--)
    yield Array.from({ length: wanted }, (_, place) => ({
      flags: {
        "gpu-memory-utilization": (used + (percent * (place + 1)) / 100 / wanted).toFixed(2),
        ...without(request, "kv-cache-memory-bytes", "num-gpu-blocks-override"),
      },
    }));
}

function ways(request: PlanRequest, planned: Plan, wanted: number): readonly CopyWay[] {
  if (billsDevice(planned))
    return [
      {
        why: "one command for each place in the order of starts; this version bills each start for all that the device holds",
        candidates: growingShares(request, planned, wanted),
      },
    ];
  const byShare: CopyWay = {
    why: "the same share of the card's total for each",
    candidates: shares(request, planned, wanted),
  };
  if (!hasKvBytes(request)) return [byShare];
  return [
    {
      why: "the same KV bytes for each, however much is free when it starts",
      candidates: kvSizes(request, planned, wanted),
    },
    byShare,
  ];
}

export const vllmCopies: CopyRules = {
  note: "Start them one after another: an instance that profiles while another allocates is billed for it.",
  fillsShareOfTotal: true,
  heldBytes,
  startAmong,
  ways,
};
