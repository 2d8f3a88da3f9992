/** @module A device by any name people use for it, MIG slices included. */
import { PagodaError } from "../../core/errors.ts";
import { gib } from "../quantity/bytes.ts";
import { estimated } from "../quantity/quantity.ts";
import { nearest } from "../words/nearest.ts";
import { type Device, deviceOf } from "./device.ts";
import type { DeviceRow } from "./device-row.ts";
import { deviceRows } from "./device-rows.ts";

/** Lower case, without the maker's words and without anything but letters and digits. */
function plainName(text: string): string {
  return text
    .toLowerCase()
    .replace(/nvidia|geforce|tesla|instinct|amd|\(.*?\)/g, "")
    .replace(/[^a-z0-9]/g, "");
}

function namesOf(row: DeviceRow): string[] {
  return [row.name, ...row.aliases].map(plainName);
}

/** `H100 MIG 3g.40gb`: compute sevenths and memory of a slice. */
function sliceOf(text: string): { readonly sevenths: number; readonly sliceGib: number } | null {
  const match = /(?:mig)?[\s-]*(\d)g\.(\d+)gb/i.exec(text);
  return match === null ? null : { sevenths: Number(match[1]), sliceGib: Number(match[2]) };
}

function asSlice(device: Device, sevenths: number, sliceGib: number): Device {
  const eighths = Math.max(1, Math.round((sliceGib * gib * 8) / device.nominalBytes));
  const total = (device.total.expectedBytes * eighths) / 8;
  return {
    ...device,
    name: `${device.name} MIG ${sevenths}g.${sliceGib}gb`,
    nominalBytes: sliceGib * gib,
    total: estimated(total * 0.97, total * 0.985, total, `${eighths} of the 8 memory slices`),
    bandwidthBytesPerSecond: (device.bandwidthBytesPerSecond * eighths) / 8,
    flopsPerSecond: (device.flopsPerSecond * sevenths) / 7,
    numMultiprocessors: Math.floor((device.numMultiprocessors * sevenths) / 7),
  };
}

/** All devices of this name: several where it means cards of different sizes, none where nothing matches. */
export function devicesNamed(text: string): readonly Device[] {
  const slice = sliceOf(text);
  const wanted = plainName(slice === null ? text : text.replace(/(?:mig)?[\s-]*\d+g\.\d+gb/i, ""));
  const rows = deviceRows.filter((candidate) => namesOf(candidate).includes(wanted));
  const whole = rows.map(deviceOf);
  return slice === null ? whole : whole.map((device) => asSlice(device, slice.sevenths, slice.sliceGib));
}

/** The device of this name, or null where nothing or more than one matches. */
export function lookUpDevice(text: string): Device | null {
  const [device, ...others] = devicesNamed(text);
  return device === undefined || others.length > 0 ? null : device;
}

/**
 * The device of this name.
 * @throws PagodaError `plan_invalid` naming the nearest known device.
 */
export function findDevice(text: string): Device {
  const [device, ...others] = devicesNamed(text);
  if (device !== undefined && others.length === 0) return device;
  if (device !== undefined) throw ambiguous(text, [device, ...others]);
  const close = nearest(plainName(text), deviceRows.flatMap(namesOf));
  const row = deviceRows.find((candidate) => namesOf(candidate).includes(close));
  throw new PagodaError("plan_invalid", `The GPU "${text}" is not in the catalogue.`, {
    param: "gpu",
    hint: `Did you mean "${row?.name}"? Any other device: --gpu-memory 24GiB.`,
  });
}

/** A name of cards of several sizes: which is meant. */
function ambiguous(text: string, devices: readonly Device[]): PagodaError {
  const totals = devices.map(
    ({ name, total }) => `${name} (${(total.expectedBytes / gib).toFixed(2)} GiB visible)`,
  );
  const names = devices.map(
    ({ name }) => `--gpu "${name.replace(/^(?:NVIDIA|AMD) (?:GeForce |Tesla )?/, "")}"`,
  );
  return new PagodaError("plan_invalid", `"${text}" means more than one card: ${totals.join(", ")}.`, {
    param: "gpu",
    hint: `Say which: ${names.join(" or ")}.`,
  });
}

/** The device whose nominal size is nearest; null where there is none. */
export function nearestInSize(devices: readonly Device[], bytes: number): Device | null {
  const gap = ({ nominalBytes }: Device): number => Math.abs(nominalBytes - bytes);
  return [...devices].sort((a, b) => gap(a) - gap(b))[0] ?? null;
}

/** Of the devices of a name the one whose nominal size is nearest; null where the name has none. */
export function deviceOfSize(text: string, bytes: number): Device | null {
  return nearestInSize(devicesNamed(text), bytes);
}

/** The catalogue's device whose visible total is nearest, for a log that names none; null where none is within 2 %. */
export function deviceOfTotal(bytes: number): Device | null {
  let best: Device | null = null;
  let smallest = 0.02 * bytes;
  for (const row of deviceRows) {
    const device = deviceOf(row);
    const gap = Math.abs(device.total.expectedBytes - bytes);
    if (gap < smallest) [best, smallest] = [device, gap];
  }
  return best;
}

/** Names of all devices of the catalogue. */
export function deviceNames(): readonly string[] {
  return deviceRows.map(({ name }) => name);
}
