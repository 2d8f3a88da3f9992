/** @module The parts of a device's bar and of an instance's, in bytes, out of a snapshot. */
import type { DeviceSnapshot, InstanceSnapshot, Snapshot } from "../../../api/admin/observatory/index.ts";

export type EvidenceKind = "exact" | "measured" | "estimated";

/** One part: its outline is `plannedBytes` wide, its fill `actualBytes`; it takes the wider of the two. */
export interface Part {
  readonly key: string;
  /** A component of memory, `server`, `foreign` or `free`. */
  readonly component: string;
  /** Whose it is; null: nobody's. */
  readonly owner: string | null;
  readonly plannedBytes: number | null;
  readonly actualBytes: number | null;
  readonly evidence: EvidenceKind;
}

export interface InstanceBar {
  readonly instance: InstanceSnapshot;
  readonly parts: readonly Part[];
  /** Width of the whole bar: the cap where there is one, else all parts. */
  readonly scaleBytes: number;
  readonly plannedBytes: number | null;
  readonly actualBytes: number | null;
}

export interface DeviceBar {
  readonly device: DeviceSnapshot;
  readonly parts: readonly Part[];
  readonly instances: readonly InstanceBar[];
  readonly plannedBytes: number;
  readonly heldBytes: number;
}

export const widthOf = ({ plannedBytes, actualBytes }: Part): number =>
  Math.max(plannedBytes ?? 0, actualBytes ?? 0);

function sumOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}

/** By component where the instance reports them, else as one part with what its device says of it. */
function partsOf(instance: InstanceSnapshot, device: DeviceSnapshot | null): readonly Part[] {
  const { instanceId, memory } = instance;
  if (memory !== null && memory.components.length > 0)
    return memory.components.map(({ name, ...rest }) => ({
      key: `${instanceId}/${name}`,
      component: name,
      owner: instanceId,
      ...rest,
    }));
  const holder = device?.holders.find(({ kind, name }) => kind === "instance" && name === instanceId);
  if (holder === undefined) return [];
  const { plannedBytes, heldBytes } = holder;
  return [
    {
      key: instanceId,
      component: "other",
      owner: instanceId,
      plannedBytes,
      actualBytes: heldBytes,
      evidence: "measured",
    },
  ];
}

function instanceBar(instance: InstanceSnapshot, device: DeviceSnapshot | null): InstanceBar {
  const parts = partsOf(instance, device);
  const allBytes = parts.reduce((sum, part) => sum + widthOf(part), 0);
  return {
    instance,
    parts,
    scaleBytes: Math.max(instance.memory?.capBytes ?? 0, allBytes, 1),
    plannedBytes: sumOf(parts.map(({ plannedBytes }) => plannedBytes)),
    actualBytes: sumOf(parts.map(({ actualBytes }) => actualBytes)),
  };
}

/** Instances by component, the server's own process, other people's, and what is left. */
function deviceBar(device: DeviceSnapshot, snapshot: Snapshot): DeviceBar {
  const instances = Object.values(snapshot.instances)
    .filter(({ deviceIds }) => deviceIds.includes(device.deviceId))
    .map((instance) => instanceBar(instance, device));
  const own = instances.flatMap(({ parts }) => parts);
  const others = device.holders
    .filter(({ kind }) => kind !== "instance")
    .map(
      ({ kind, name, pid, plannedBytes, heldBytes }): Part => ({
        key: `${kind}/${name}/${pid}`,
        component: kind,
        owner: name,
        plannedBytes,
        actualBytes: heldBytes,
        evidence: "measured",
      }),
    );
  const taken = [...own, ...others];
  const widths = taken.reduce((sum, part) => sum + widthOf(part), 0);
  const free: Part = {
    key: "free",
    component: "free",
    owner: null,
    plannedBytes: null,
    actualBytes: Math.max(0, device.totalBytes - widths),
    evidence: "measured",
  };
  return {
    device,
    parts: [...taken, free],
    instances,
    plannedBytes: sumOf(own.map(({ plannedBytes }) => plannedBytes)) ?? 0,
    heldBytes: sumOf(taken.map(({ actualBytes }) => actualBytes)) ?? 0,
  };
}

export function deviceBars(snapshot: Snapshot): readonly DeviceBar[] {
  return Object.values(snapshot.devices).map((device) => deviceBar(device, snapshot));
}
