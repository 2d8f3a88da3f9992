/**
 * @module Which idle instances give way to one that is asked for: the set that frees enough and costs least to start again.
 *
 * The cost of one is its start time, times how likely it is needed soon (halved with each half-life it was idle), after its
 * priority: the least recently used rule, weighted by start time and size (GreedyDual-Size, Cao and Irani, 1997).
 */

export interface EvictionCandidate {
  readonly instanceId: string;
  /** Bytes that it holds on each of its devices. */
  readonly bytes: ReadonlyMap<string, number>;
  readonly startMs: number;
  readonly idleMs: number;
  /** The lower, the more important its model. */
  readonly priority: number;
}

const halfLifeMs = 600_000;
/** Sets of more candidates than this are not tried one by one: 2^12 are. */
const mostTried = 12;
/** A start that was never timed. */
const leastStartMs = 1000;

export function evictionCost({ startMs, idleMs }: EvictionCandidate): number {
  return Math.max(startMs, leastStartMs) * 2 ** (-idleMs / halfLifeMs);
}

/**
 * The cheapest set after whose end `fits` holds, given the bytes that become free on each device; null where even all of
 * them are not enough. Instances of more important models are taken only where the others are not enough.
 */
export function chooseEvictions(
  candidates: readonly EvictionCandidate[],
  fits: (freed: ReadonlyMap<string, number>) => boolean,
): readonly EvictionCandidate[] | null {
  const levels = [...new Set(candidates.map(({ priority }) => priority))].sort((a, b) => b - a);
  for (const level of levels) {
    const allowed = candidates.filter(({ priority }) => priority >= level).toSorted(byValue);
    if (!fits(freedBy(allowed))) continue;
    return allowed.length <= mostTried ? cheapestSet(allowed, fits) : greedySet(allowed, fits);
  }
  return null;
}

/** Least cost for each byte first. */
function byValue(a: EvictionCandidate, b: EvictionCandidate): number {
  return evictionCost(a) / totalOf(a) - evictionCost(b) / totalOf(b);
}

const totalOf = ({ bytes }: EvictionCandidate): number =>
  Math.max(
    1,
    [...bytes.values()].reduce((sum, one) => sum + one, 0),
  );

function freedBy(set: readonly EvictionCandidate[]): ReadonlyMap<string, number> {
  const freed = new Map<string, number>();
  for (const { bytes } of set)
    for (const [deviceId, one] of bytes) freed.set(deviceId, (freed.get(deviceId) ?? 0) + one);
  return freed;
}

function cheapestSet(
  candidates: readonly EvictionCandidate[],
  fits: (freed: ReadonlyMap<string, number>) => boolean,
): readonly EvictionCandidate[] {
  let best: { readonly set: readonly EvictionCandidate[]; readonly cost: number } = {
    set: candidates,
    cost: costOf(candidates),
  };
  for (let mask = 1; mask < 2 ** candidates.length; mask += 1) {
    const set = candidates.filter((_, index) => (mask & (1 << index)) !== 0);
    const cost = costOf(set);
    if (cost < best.cost && fits(freedBy(set))) best = { set, cost };
  }
  return best.set;
}

const costOf = (set: readonly EvictionCandidate[]): number =>
  set.reduce((sum, one) => sum + evictionCost(one), 0);

/** Takes the cheapest for their bytes until it is enough, then gives back those that were not needed, the dearest first. */
function greedySet(
  candidates: readonly EvictionCandidate[],
  fits: (freed: ReadonlyMap<string, number>) => boolean,
): readonly EvictionCandidate[] {
  let set: EvictionCandidate[] = [];
  for (const candidate of candidates) {
    set.push(candidate);
    if (fits(freedBy(set))) break;
  }
  for (const candidate of set.toSorted((a, b) => evictionCost(b) - evictionCost(a))) {
    const without = set.filter((other) => other !== candidate);
    if (fits(freedBy(without))) set = without;
  }
  return set;
}
