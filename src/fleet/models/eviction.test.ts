import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseEvictions, type EvictionCandidate, evictionCost } from "./eviction.ts";

const candidate = (
  instanceId: string,
  bytes: number,
  more: Partial<Omit<EvictionCandidate, "bytes">> = {},
): EvictionCandidate => ({
  instanceId,
  bytes: new Map([["cpu", bytes]]),
  startMs: 10_000,
  idleMs: 60_000,
  priority: 0,
  ...more,
});

const need = (bytes: number) => (freed: ReadonlyMap<string, number>) => (freed.get("cpu") ?? 0) >= bytes;

function chosen(candidates: readonly EvictionCandidate[], bytes: number): readonly string[] | null {
  return (
    chooseEvictions(candidates, need(bytes))
      ?.map(({ instanceId }) => instanceId)
      .toSorted() ?? null
  );
}

test("the one that has been idle longest goes, unless it is dear to start again", () => {
  const old = candidate("old", 5, { idleMs: 3_600_000 });
  const recent = candidate("recent", 5, { idleMs: 1000 });
  assert.deepEqual(chosen([recent, old], 5), ["old"]);
  const oldButSlow = candidate("slow", 5, { idleMs: 1_200_000, startMs: 300_000 });
  assert.deepEqual(chosen([recent, oldButSlow], 5), ["recent"]);
});

test("no more go than the room needs, and one large one may be cheaper than two small ones", () => {
  const small = [candidate("a", 3), candidate("b", 3)];
  assert.deepEqual(chosen([...small, candidate("large", 6)], 6), ["large"]);
  assert.deepEqual(chosen([...small, candidate("large", 6, { startMs: 60_000 })], 6), ["a", "b"]);
  assert.deepEqual(chosen([...small, candidate("large", 6)], 2)?.length, 1);
  assert.equal(chosen(small, 7), null);
});

test("a more important model goes only where the others are not enough", () => {
  const important = candidate("important", 5, { priority: 0, idleMs: 86_400_000 });
  const other = candidate("other", 5, { priority: 10, idleMs: 1000 });
  assert.deepEqual(chosen([important, other], 5), ["other"]);
  assert.deepEqual(chosen([important, other], 10), ["important", "other"]);
});

test("the choice is the cheapest of all sets: 200 random cases against each one", () => {
  let seed = 1;
  const random = (most: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % most;
  };
  for (let round = 0; round < 200; round += 1) {
    const candidates = Array.from({ length: 1 + random(8) }, (_, index) =>
      candidate(String(index), 1 + random(9), { idleMs: random(3_600_000), startMs: 1000 + random(100_000) }),
    );
    const wanted = 1 + random(20);
    const sets = Array.from({ length: 2 ** candidates.length }, (_, mask) =>
      candidates.filter((_one, index) => (mask >> index) % 2 === 1),
    ).filter((set) => set.reduce((sum, { bytes }) => sum + (bytes.get("cpu") ?? 0), 0) >= wanted);
    const cost = (set: readonly EvictionCandidate[]): number =>
      set.reduce((sum, one) => sum + evictionCost(one), 0);
    const found = chooseEvictions(candidates, need(wanted));
    assert.equal(found === null, sets.length === 0);
    if (found !== null) assert.ok(cost(found) <= Math.min(...sets.map(cost)) + 1e-6);
  }
});
