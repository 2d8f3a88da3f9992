/** @module Whether an SGLang start gets through: the pool is refused where nothing is left, and the rest must hold tables and graphs. */
import { formatBytes } from "../../../../core/byte-size.ts";
import type { Verdict } from "../../../plan/plan.ts";
import type { Quantity } from "../../../quantity/quantity.ts";
import type { SglangSettings } from "../settings/settings.ts";
import type { Budget } from "./budget.ts";

interface Ending {
  readonly kind: "fits" | "refused" | "dies";
  readonly failure: Verdict["failure"];
  readonly reason: string;
  readonly message: string | null;
}

/** A point between the low and the high end: −1 to 1. */
function at({ lowBytes, expectedBytes, highBytes }: Quantity, point: number): number {
  return point < 0
    ? expectedBytes + (expectedBytes - lowBytes) * point
    : expectedBytes + (highBytes - expectedBytes) * point;
}

function endingAt(budget: Budget, { share }: SglangSettings, point: number): Ending {
  const weights = at(budget.weights, -point);
  const free = at(budget.free, point);
  const available = at(budget.available, point);
  if (weights > free)
    return {
      kind: "dies",
      failure: "weights",
      reason: `the weights need ${formatBytes(weights)} and ${formatBytes(free)} are free`,
      message: "torch.OutOfMemoryError: CUDA out of memory.",
    };
  if (available <= 0)
    return {
      kind: "refused",
      failure: "noKvMemory",
      reason: `a share of ${share.value} of ${formatBytes(free)} is ${formatBytes(free * share.value)}, and the weights need ${formatBytes(weights)}`,
      message: `RuntimeError: Not enough memory. Please try to increase --mem-fraction-static. Current value: mem_fraction_static=${share.value}`,
    };
  const kept = free * (1 - share.value);
  const needed = budget.requestTable.expectedBytes + at(budget.graphs, -point);
  if (needed > kept)
    return {
      kind: "dies",
      failure: "graphCapture",
      reason: `the share leaves ${formatBytes(kept)}, and the table of requests and the graphs need ${formatBytes(needed)}`,
      message: "Exception: Capture cuda graph failed: CUDA out of memory.",
    };
  return {
    kind: "fits",
    failure: null,
    reason: `${formatBytes(available)} are left for the pools`,
    message: null,
  };
}

const points = [-0.5, 0, 0.5];

export function sglangVerdict(budget: Budget, settings: SglangSettings): Verdict {
  const [low, expected, high] = points.map((point) => endingAt(budget, settings, point));
  const all = [expected, low, high].filter((ending) => ending !== undefined);
  const worst = all.find(({ kind }) => kind !== "fits") ?? all[0];
  const isSure = all.every(({ kind }) => (kind === "fits") === (all[0]?.kind === "fits"));
  return {
    kind: isSure ? (worst?.kind ?? "fits") : "uncertain",
    failure: worst?.failure ?? null,
    reason: worst?.reason ?? "",
    engineMessage: worst?.message ?? null,
    suggestions: [],
  };
}
