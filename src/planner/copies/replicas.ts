/** @module Copies of one command on one device: how many start, and the command that can be copied. */
import { canonicalRequest, planOrNull, planStart, rulesOf } from "../engines/engines.ts";
import { asSuggestion, type Change, changedRequest, type Remedy, type Step } from "../plan/change.ts";
import type { Plan, PlanRequest } from "../plan/plan.ts";
import type { CopyWay } from "../rules/engine-rules.ts";
import { allRemedies } from "../search/remedies.ts";
import { firstThatFits, smallestThatFits } from "../search/smallest-that-fits.ts";
import { type InstanceStart, startInOrder, starts, startTogether } from "./starts-in-order.ts";

/** One way in which all copies start, tried. */
export interface CopyAnswer {
  readonly why: string;
  /** What changes, by place; one element: the same command for every place. */
  readonly flags: readonly (readonly string[])[];
  readonly commands: readonly (readonly string[])[];
  /** KV tokens of each copy, in the order of starts. */
  readonly kvTokens: readonly number[];
  readonly instances: readonly InstanceStart[];
}

export interface ReplicaPlan {
  readonly instances: readonly InstanceStart[];
  /** How many of the wanted instances start. */
  readonly numStarted: number;
  /** The largest number of identical commands that all start, in order. */
  readonly largest: number;
  /** KV tokens of all started instances together. */
  readonly numKvTokens: number;
  /** Commands with which all wanted copies start, the best way first. */
  readonly ways: readonly CopyAnswer[];
  /** Started at the same moment instead, at the worst: how many start, and why not more. */
  readonly atOnce: { readonly numStarted: number; readonly why: string };
  readonly notes: readonly string[];
}

const mostInstances = 64;

const tokensOf = ({ kv }: Plan): number => kv?.numTokens.expected ?? 0;

/** Copies of one start until one fails or `most` run. */
function startCopies(request: PlanRequest, most: number): InstanceStart[] {
  const instances: InstanceStart[] = [];
  let { usedBytes } = request;
  while (instances.length < most) {
    const [next] = startInOrder([request], usedBytes);
    if (next === undefined) break;
    instances.push({ ...next, index: instances.length });
    if (!starts(next.plan)) break;
    usedBytes += next.heldBytes;
  }
  return instances;
}

/** The copies with a change, where all start and hold no more than the device has. */
function allStarted(request: PlanRequest, steps: readonly Step[], wanted: number): InstanceStart[] | null {
  const requests = Array.from({ length: wanted }, (_, place) =>
    changedRequest(request, steps[place] ?? steps[0] ?? { flags: {} }),
  );
  const instances = startInOrder(requests, request.usedBytes);
  const held = instances.reduce((total, { heldBytes }) => total + heldBytes, request.usedBytes);
  const fits = held <= request.device.total.expectedBytes;
  return fits && instances.every(({ plan }) => starts(plan)) ? instances : null;
}

function answerOf(request: PlanRequest, way: CopyWay, wanted: number): CopyAnswer | null {
  const found = firstThatFits(way.candidates, (steps) => allStarted(request, steps, wanted));
  if (found === null) return null;
  const { change: steps, answer: instances } = found;
  return {
    why: way.why,
    flags: steps.map((step) => asSuggestion({ ...step, why: way.why }).flags),
    commands: steps.map((_, place) => instances[place]?.plan.command ?? []),
    kvTokens: instances.map(({ plan }) => tokensOf(plan)),
    instances,
  };
}

/** The ways of a start as it is. */
function plainWays(request: PlanRequest, wanted: number): readonly CopyAnswer[] {
  const planned = planOrNull(request);
  if (planned === null) return [];
  return rulesOf(request.engine)
    .copies.ways(request, planned, wanted)
    .flatMap((way) => answerOf(request, way, wanted) ?? []);
}

/** Changes that leave the size of the pool and the cards to the ways of copying. */
function remediesOfOneCopy(request: PlanRequest, failed: Plan): readonly Remedy[] {
  const { roles, pool } = rulesOf(request.engine);
  const isTaken = (name: string): boolean => name === roles.ranks || pool.flags.includes(name);
  const { failure } = failed.verdict;
  return allRemedies({ request, planned: failed, failure, suggestedLength: null, lackingBytes: 0 })
    .map(({ why, steps }) => ({ why, steps: steps.filter(({ flags }) => !Object.keys(flags).some(isTaken)) }))
    .filter(({ steps }) => steps.length > 0);
}

/**
 * Ways to let `wanted` copies of a start run on one device, each tried, the best first; where there is none, the ways after
 * the smallest change to each copy that opens one. Flags are canonical.
 */
export function copyWays(request: PlanRequest, wanted: number): readonly CopyAnswer[] {
  const plain = plainWays(request, wanted);
  if (plain.length > 0) return plain;
  const attempt = (change: Change): readonly CopyAnswer[] | null => {
    const ways = plainWays(changedRequest(request, change), wanted);
    return ways.length > 0 ? ways : null;
  };
  const [found] = smallestThatFits(remediesOfOneCopy(request, planStart(request)), attempt, 1);
  if (found === undefined) return [];
  const added = asSuggestion(found.change).flags;
  return found.answer.map((way) => ({
    ...way,
    why: `${found.change.why}; ${way.why}`,
    flags: way.flags.map((flags) => [...added, ...flags]),
  }));
}

/** Plans `wanted` identical commands on one device. */
export function planReplicas(typed: PlanRequest, wanted: number): ReplicaPlan {
  const request = canonicalRequest(typed);
  const all = startCopies(request, mostInstances);
  const largest = all.filter(({ plan }) => starts(plan)).length;
  const instances = all.slice(0, wanted);
  const running = instances.filter(({ plan }) => starts(plan));
  const together = startTogether(Array.from({ length: wanted }, () => request));
  return {
    instances,
    numStarted: running.length,
    largest,
    numKvTokens: running.reduce((total, { plan }) => total + tokensOf(plan), 0),
    ways: wanted > 1 ? copyWays(request, wanted) : [],
    atOnce: {
      numStarted: together.filter((outcome) => outcome.starts).length,
      why: together[0]?.why ?? "nothing starts",
    },
    notes: [rulesOf(request.engine).copies.note],
  };
}
