/**
 * @module Different commands on one card, in the order in which they start: what each finds taken, which fails and why, and
 * what may happen where all start at the same moment.
 */
import { formatBytes } from "../../core/byte-size.ts";
import { plan } from "../engines/engines.ts";
import type { Plan, PlanRequest } from "../plan/plan.ts";
import { exact } from "../quantity/quantity.ts";
import { heldBytes, type InstanceStart } from "./replicas.ts";

export interface CardPlan {
  readonly instances: readonly InstanceStart[];
  /** Place in the order of the first command that does not start; null: all start. */
  readonly firstFailure: number | null;
  /** Bytes that all started instances hold together with what was taken before. */
  readonly takenBytes: number;
  /** Started at the same moment, at the worst: the verdict of each, and why. */
  readonly atOnce: readonly { readonly starts: boolean; readonly why: string }[];
}

const starts = (answer: Plan): boolean => answer.verdict.kind === "fits";

function bytesOf(answer: Plan, name: string): number {
  return answer.components.find((component) => component.name === name)?.quantity.expectedBytes ?? 0;
}

/**
 * One command among all at the same moment: vLLM takes the others' weights and contexts for its own, because it measures
 * the whole card (vllm-memory.md §1.3); LMDeploy finds what the others will hold already taken.
 */
function startAmong(
  request: PlanRequest,
  others: readonly Plan[],
): { readonly starts: boolean; readonly why: string } {
  if (request.engine !== "vllm") {
    const othersBytes = others.reduce((total, other) => total + heldBytes(other), 0);
    const late = plan({ ...request, usedBytes: request.usedBytes + othersBytes });
    return { starts: starts(late), why: `may find ${formatBytes(othersBytes)} taken by the others` };
  }
  const billed = others.reduce(
    (total, other) => total + bytesOf(other, "weights") + bytesOf(other, "context"),
    0,
  );
  const own = bytesOf(plan(request), "persistent");
  const persistent = exact(own + billed, "neighbours billed as its own");
  const disturbed = plan({ ...request, measured: { ...request.measured, persistent } });
  return { starts: starts(disturbed), why: `may be billed ${formatBytes(billed)} of the others` };
}

/** Plans commands one after another on the card of the first; one that fails holds nothing, and the next is tried. */
export function planInstances(requests: readonly PlanRequest[]): CardPlan {
  const instances: InstanceStart[] = [];
  let takenBytes = requests[0]?.usedBytes ?? 0;
  for (const [index, request] of requests.entries()) {
    const answer = plan({ ...request, usedBytes: takenBytes });
    const held = starts(answer) ? heldBytes(answer) : 0;
    instances.push({ index, usedBytes: takenBytes, heldBytes: held, plan: answer });
    takenBytes += held;
  }
  const failed = instances.findIndex(({ plan: answer }) => !starts(answer));
  const alone = requests.map((request) => plan(request));
  const atOnce = requests.map((request, index) =>
    startAmong(
      request,
      alone.filter((_, other) => other !== index),
    ),
  );
  return { instances, firstFailure: failed === -1 ? null : failed, takenBytes, atOnce };
}
