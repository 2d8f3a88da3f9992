/**
 * @module Starts on one device in the order in which they are made: what each finds taken, which fails, and what may happen
 * where all start at the same moment.
 */
import { canonicalRequest, planStart, rulesOf } from "../engines/engines.ts";
import { withPassedOn } from "../engines/passed-on.ts";
import type { Plan, PlanRequest } from "../plan/plan.ts";
import type { StartOutcome } from "../rules/engine-rules.ts";

export interface InstanceStart {
  readonly index: number;
  /** Bytes that others hold when it starts. */
  readonly usedBytes: number;
  /** Bytes that it holds once it serves; 0 where it surely does not start. */
  readonly heldBytes: number;
  readonly plan: Plan;
}

export interface CardPlan {
  readonly instances: readonly InstanceStart[];
  /** Place in the order of the first command that does not start; null: all start. */
  readonly firstFailure: number | null;
  /** Bytes that all started instances hold together with what was taken before. */
  readonly takenBytes: number;
  /** Started at the same moment, at the worst: the verdict of each, and why. */
  readonly atOnce: readonly StartOutcome[];
}

export const starts = ({ verdict }: Plan): boolean => verdict.kind === "fits";

/** Bytes that a started instance holds on each device. */
export function heldBytes(plan: Plan): number {
  return rulesOf(plan.engine).copies.heldBytes(plan);
}

/**
 * Plans starts one after another; one that fails holds nothing, and the next is tried. One that may start holds all that it
 * would: the next has to fit beside it. Flags are canonical.
 */
export function startInOrder(requests: Iterable<PlanRequest>, usedBytes: number): InstanceStart[] {
  const instances: InstanceStart[] = [];
  let taken = usedBytes;
  for (const request of requests) {
    const plan = planStart({ ...request, usedBytes: taken });
    const held = starts(plan) || plan.verdict.kind === "uncertain" ? heldBytes(plan) : 0;
    instances.push({ index: instances.length, usedBytes: taken, heldBytes: held, plan });
    taken += held;
  }
  return instances;
}

/** Each of several starts at the same moment, at the worst. */
export function startTogether(requests: readonly PlanRequest[]): StartOutcome[] {
  const alone = requests.map((request) => planStart(request));
  const [first] = alone;
  const sum = alone.reduce((total, plan) => total + heldBytes(plan), requests[0]?.usedBytes ?? 0);
  return requests.map((request, index) => {
    const plan = alone[index];
    if (plan === undefined || !starts(plan)) return { starts: false, why: plan?.verdict.reason ?? "" };
    const others = alone.filter((_, other) => other !== index);
    const { copies } = rulesOf(request.engine);
    const outcome = copies.startAmong(request, plan, others);
    const isFull = copies.fillsShareOfTotal && sum > (first?.total.expectedBytes ?? 0);
    return isFull ? { ...outcome, starts: false } : outcome;
  });
}

/** Plans commands one after another on the card of the first, and all at once. */
export function planInstances(typed: readonly PlanRequest[]): CardPlan {
  const requests = typed.map(canonicalRequest);
  const usedBytes = requests[0]?.usedBytes ?? 0;
  const instances = startInOrder(requests, usedBytes);
  const failed = instances.findIndex(({ plan }) => !starts(plan));
  return {
    instances: instances.map((instance, index) => {
      const request = requests[index];
      return request === undefined ? instance : { ...instance, plan: withPassedOn(request, instance.plan) };
    }),
    firstFailure: failed === -1 ? null : failed,
    takenBytes: instances.reduce((total, { heldBytes: held }) => total + held, usedBytes),
    atOnce: startTogether(requests),
  };
}
