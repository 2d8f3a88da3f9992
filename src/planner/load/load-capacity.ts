/** @module How many users a plan serves whose requests differ in length. */
import type { KvPlan } from "../plan/plan.ts";
import { heldBlocks, PoolDemand } from "./held-blocks.ts";
import type { RequestLength } from "./request-lengths.ts";

export interface LoadCapacity {
  readonly users: number;
  /** Blocks of the pool, and those that one user holds on average. */
  readonly poolBlocks: number;
  readonly meanBlocks: number;
  /** Probability at a moment picked at random that all users together want more than the pool has. */
  readonly overflow: number;
  /** Preemptions that a request meets on average: a growing answer finds the pool full. */
  readonly preemptionsPerRequest: number;
  /** Most users for whom the pool suffices at 99 % of the moments. */
  readonly usersAt99: number;
  /** Most users if every request were the longest one at its end. */
  readonly usersAtWorst: number;
  /** Seats of the engine bind before the pool does. */
  readonly isBoundBySeats: boolean;
}

/** Share of the moments at which the pool may not suffice. */
const mostOverflow = 0.01;

/** The largest number of users that `holds` is true for; it is true below it and false above. */
function largest(holds: (users: number) => boolean, most: number): number {
  let [low, high] = [0, 1];
  while (high <= most && holds(high)) [low, high] = [high, high * 2];
  high = Math.min(high, most + 1);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Users who each always have one request, their moments independent of one another.
 * @param seats sequences that the engine runs at once.
 * @param stepTokens tokens of one step: a prompt is computed in pieces of it.
 */
export function loadCapacity(
  kv: Pick<KvPlan, "numTokens" | "blockSize">,
  { seats, stepTokens }: { readonly seats: number; readonly stepTokens: number },
  lengths: readonly RequestLength[],
  users: number,
): LoadCapacity {
  const poolBlocks = Math.floor(kv.numTokens.expected / kv.blockSize);
  const held = heldBlocks(lengths, kv.blockSize, stepTokens);
  const demand = new PoolDemand(held, Math.max(1, poolBlocks));
  const byPool = largest((count) => demand.overflow(count) <= mostOverflow, seats);
  const longest = held.shares.length - 1;
  return {
    users,
    poolBlocks,
    meanBlocks: held.mean,
    overflow: demand.overflow(users),
    preemptionsPerRequest: (held.meanSteps / kv.blockSize) * demand.atTheEdge(users),
    usersAt99: byPool,
    usersAtWorst: Math.min(seats, Math.floor(poolBlocks / Math.max(1, longest))),
    isBoundBySeats: byPool === seats,
  };
}
