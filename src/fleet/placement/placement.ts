/**
 * @module Which devices each instance gets, by bytes, before anything is started or stopped.
 *
 * Best fit, largest first: an instance goes where it leaves the least; one over several devices takes equal ones. Every
 * decision has a reason, and what does not fit is refused with both numbers.
 */

export interface PlacementDevice {
  readonly deviceId: string;
  /** Cards of one kind have one name; ranks of an instance are equal, so their cards must be. */
  readonly kind: string;
  /** Bytes that may still be promised. */
  readonly availableBytes: number;
}

export interface PlacementInstance {
  readonly instanceId: string;
  /** Bytes of one rank. */
  readonly rankBytes: number;
  /** Devices it needs at once (tensor parallel); each holds one rank. */
  readonly numRanks: number;
  /** Devices it must be on; empty: any. */
  readonly pinned: readonly string[];
}

/** `pack` fills devices one after another; `spread` takes the one with the most room. */
export type PlacementOrder = "pack" | "spread";

export interface Placed {
  readonly instanceId: string;
  readonly deviceIds: readonly string[];
  readonly why: string;
}

export interface NotPlaced {
  readonly instanceId: string;
  readonly neededBytes: number;
  /** The most bytes that as many equal devices as it needs have available; 0: there are not so many. */
  readonly mostBytes: number;
}

export interface Placement {
  readonly placed: readonly Placed[];
  readonly notPlaced: readonly NotPlaced[];
}

/** Places all instances it can; equal inputs give equal answers. */
export function place(
  instances: readonly PlacementInstance[],
  devices: readonly PlacementDevice[],
  order: PlacementOrder = "pack",
): Placement {
  const rooms = new Rooms(devices);
  const placed: Placed[] = [];
  const notPlaced: NotPlaced[] = [];
  for (const instance of largestFirst(instances)) {
    const found = instance.pinned.length > 0 ? rooms.pinned(instance) : rooms.find(instance, order);
    if (found === null)
      notPlaced.push({
        instanceId: instance.instanceId,
        neededBytes: instance.rankBytes,
        mostBytes: rooms.mostBytes(instance),
      });
    else {
      rooms.take(found, instance.rankBytes);
      placed.push({
        instanceId: instance.instanceId,
        deviceIds: found.map(({ deviceId }) => deviceId),
        why: reasonOf(instance, order),
      });
    }
  }
  return { placed, notPlaced };
}

/** Pinned ones have no choice, so they come first; then more ranks, then more bytes. */
function largestFirst(instances: readonly PlacementInstance[]): PlacementInstance[] {
  return [...instances].sort(
    (a, b) =>
      Number(b.pinned.length > 0) - Number(a.pinned.length > 0) ||
      b.numRanks - a.numRanks ||
      b.rankBytes - a.rankBytes,
  );
}

function reasonOf({ pinned, numRanks }: PlacementInstance, order: PlacementOrder): string {
  if (pinned.length > 0) return "pinned";
  if (numRanks > 1) return `${numRanks} equal devices with the ${order === "pack" ? "least" : "most"} room`;
  return order === "pack" ? "the device that it fills best" : "the device with the most room";
}

interface Room {
  readonly deviceId: string;
  readonly kind: string;
  availableBytes: number;
}

/** Devices by kind, each list sorted by available bytes, so that a search is a bisection. */
class Rooms {
  readonly #byKind = new Map<string, Room[]>();
  readonly #byId = new Map<string, Room>();

  constructor(devices: readonly PlacementDevice[]) {
    for (const device of devices) {
      const room = { ...device };
      this.#byId.set(room.deviceId, room);
      this.#byKind.set(room.kind, [...(this.#byKind.get(room.kind) ?? []), room]);
    }
    for (const rooms of this.#byKind.values()) rooms.sort(byRoom);
  }

  /** The devices of a pinned instance, if each has the bytes. */
  pinned({ pinned, numRanks, rankBytes }: PlacementInstance): Room[] | null {
    const rooms = pinned.flatMap((id) => this.#byId.get(id) ?? []);
    const isEnough =
      rooms.length >= numRanks && rooms.slice(0, numRanks).every((room) => room.availableBytes >= rankBytes);
    return isEnough ? rooms.slice(0, numRanks) : null;
  }

  find({ numRanks, rankBytes }: PlacementInstance, order: PlacementOrder): Room[] | null {
    let best: Room[] | null = null;
    for (const rooms of this.#byKind.values()) {
      const first = firstWith(rooms, rankBytes);
      if (rooms.length - first < numRanks) continue;
      const found = order === "pack" ? rooms.slice(first, first + numRanks) : rooms.slice(-numRanks);
      if (best === null || (order === "pack" ? leftIn(found) < leftIn(best) : leftIn(found) > leftIn(best)))
        best = found;
    }
    return best;
  }

  mostBytes({ numRanks, pinned }: PlacementInstance): number {
    const lists =
      pinned.length > 0 ? [pinned.flatMap((id) => this.#byId.get(id) ?? [])] : [...this.#byKind.values()];
    return Math.max(0, ...lists.map((rooms) => [...rooms].sort(byRoom).at(-numRanks)?.availableBytes ?? 0));
  }

  take(rooms: readonly Room[], rankBytes: number): void {
    for (const room of rooms) {
      const list = this.#byKind.get(room.kind) ?? [];
      list.splice(list.indexOf(room), 1);
      room.availableBytes -= rankBytes;
      list.splice(insertionPoint(list, room), 0, room);
    }
  }
}

const byRoom = (a: Room, b: Room): number =>
  a.availableBytes - b.availableBytes || (a.deviceId < b.deviceId ? -1 : 1);
const leftIn = (rooms: readonly Room[]): number => rooms.reduce((sum, room) => sum + room.availableBytes, 0);

/** Index of the first room with at least so many bytes. */
function firstWith(rooms: readonly Room[], bytes: number): number {
  let [low, high] = [0, rooms.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rooms[middle]?.availableBytes ?? 0) < bytes) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insertionPoint(rooms: readonly Room[], room: Room): number {
  let [low, high] = [0, rooms.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = rooms[middle];
    if (other !== undefined && byRoom(other, room) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
