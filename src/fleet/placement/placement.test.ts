import assert from "node:assert/strict";
import { test } from "node:test";
import { gib, mib } from "../../core/byte-size.ts";
import { seededUniform } from "../../core/seeded-uniform.ts";
import { type PlacementDevice, type PlacementInstance, place } from "./placement.ts";

const card = (deviceId: string, availableBytes: number, kind = "L4"): PlacementDevice => ({
  deviceId,
  kind,
  availableBytes,
});

function instance(
  instanceId: string,
  rankBytes: number,
  more: Partial<PlacementInstance> = {},
): PlacementInstance {
  return { instanceId, rankBytes, numRanks: 1, pinned: [], ...more };
}

const where = (placed: readonly { readonly instanceId: string; readonly deviceIds: readonly string[] }[]) =>
  Object.fromEntries(placed.map(({ instanceId, deviceIds }) => [instanceId, deviceIds]));

test("packing fills one card before another; spreading takes the one with the most room", () => {
  const cards = [card("a", 20 * gib), card("b", 24 * gib)];
  const models = [instance("x", 8 * gib), instance("y", 8 * gib)];
  assert.deepEqual(where(place(models, cards).placed), { x: ["a"], y: ["a"] });
  assert.deepEqual(where(place(models, cards, "spread").placed), { x: ["b"], y: ["a"] });
});

test("ranks go to equal cards only", () => {
  const cards = [card("a", 80 * gib, "H100"), card("b", 40 * gib, "A100"), card("c", 40 * gib, "A100")];
  const { placed, notPlaced } = place(
    [instance("tp2", 30 * gib, { numRanks: 2 }), instance("tp3", 10 * gib, { numRanks: 3 })],
    cards,
  );
  assert.deepEqual(where(placed), { tp2: ["b", "c"] });
  assert.deepEqual(notPlaced, [{ instanceId: "tp3", neededBytes: 10 * gib, mostBytes: 0 }]);
});

test("a pinned instance gets its device before others are placed, or is refused with both numbers", () => {
  const cards = [card("a", 24 * gib), card("b", 24 * gib)];
  const models = [instance("big", 20 * gib), instance("pinned", 10 * gib, { pinned: ["a"] })];
  assert.deepEqual(where(place(models, cards).placed), { pinned: ["a"], big: ["b"] });
  const { notPlaced } = place([instance("pinned", 30 * gib, { pinned: ["a"] })], cards);
  assert.deepEqual(notPlaced, [{ instanceId: "pinned", neededBytes: 30 * gib, mostBytes: 24 * gib }]);
});

/** The most bytes that any assignment places, by trying all of them. */
function bestBytes(instances: readonly PlacementInstance[], rooms: number[], next = 0): number {
  const current = instances[next];
  if (current === undefined) return 0;
  let best = bestBytes(instances, rooms, next + 1);
  const tried = new Set<number>();
  for (const [index, room] of rooms.entries()) {
    if (room < current.rankBytes || tried.has(room)) continue;
    tried.add(room);
    rooms[index] = room - current.rankBytes;
    best = Math.max(best, current.rankBytes + bestBytes(instances, rooms, next + 1));
    rooms[index] = room;
  }
  return best;
}

test("on 300 random cases the bytes placed are within 3 % of the best packing", () => {
  const random = seededUniform(11);
  let [own, best, worst] = [0, 0, 1];
  for (let round = 0; round < 300; round += 1) {
    const cards = Array.from({ length: 2 + Math.floor(random() * 3) }, (_, i) =>
      card(`c${i}`, (16 + Math.floor(random() * 64)) * gib),
    );
    const models = Array.from({ length: 3 + Math.floor(random() * 6) }, (_, i) =>
      instance(`m${i}`, Math.ceil((2 + random() * 34) * 1024) * mib),
    );
    const bytes = new Map(models.map(({ instanceId, rankBytes }) => [instanceId, rankBytes]));
    const placed = place(models, cards).placed.reduce(
      (sum, { instanceId }) => sum + (bytes.get(instanceId) ?? 0),
      0,
    );
    const most = bestBytes(
      models,
      cards.map(({ availableBytes }) => availableBytes),
    );
    own += placed;
    best += most;
    worst = Math.min(worst, placed / most);
  }
  assert.ok(
    own / best >= 0.97,
    `${((own / best) * 100).toFixed(2)} % of the best, ${(worst * 100).toFixed(1)} % at worst`,
  );
});

test("5,000 instances on 1,000 devices: no device gets more than it has, none has room for what was refused", () => {
  const random = seededUniform(5);
  const cards = Array.from({ length: 1000 }, (_, i) =>
    card(`c${i}`, (i % 2 ? 80 : 24) * gib, i % 2 ? "H100" : "L4"),
  );
  const models = Array.from({ length: 5000 }, (_, i) =>
    instance(`m${i}`, Math.ceil((1 + random() * 24) * 1024) * mib, { numRanks: random() < 0.1 ? 2 : 1 }),
  );
  const { placed, notPlaced } = place(models, cards);
  assert.equal(placed.length + notPlaced.length, 5000);
  const left = new Map(cards.map(({ deviceId, availableBytes }) => [deviceId, availableBytes]));
  const bytes = new Map(models.map(({ instanceId, rankBytes }) => [instanceId, rankBytes]));
  for (const { instanceId, deviceIds } of placed)
    for (const deviceId of deviceIds)
      left.set(deviceId, (left.get(deviceId) ?? 0) - (bytes.get(instanceId) ?? 0));
  assert.ok([...left.values()].every((room) => room >= 0));
  for (const { neededBytes, mostBytes } of notPlaced) assert.ok(mostBytes < neededBytes);
});
