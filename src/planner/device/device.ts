/** @module A device as the planner sees it: values only, wherever they came from. */
import { gib } from "../quantity/bytes.ts";
import { estimated, measured, type Quantity } from "../quantity/quantity.ts";
import type { DeviceRow, DeviceVendor } from "./device-row.ts";

/** How an engine classes a device for its default batch sizes. */

export interface Device {
  readonly name: string;
  readonly vendor: DeviceVendor;
  /** What the driver's memory query reports as total (cudaMemGetInfo). */
  readonly total: Quantity;
  /** The size on the box, as NVML and vLLM's batch defaults see it. */
  readonly nominalBytes: number;
  /** 8.9 for sm_89; 0 where the notion does not apply. */
  readonly computeCapability: number;
  readonly bandwidthBytesPerSecond: number;
  /** Dense 16-bit matrix multiply-adds, counted as two operations. */
  readonly flopsPerSecond: number;
  readonly numMultiprocessors: number;
  /** The device shares its memory with the host; free means what the host has available. */
  readonly isUnified: boolean;
}

/** Share of the nominal size that the driver reports where nobody has measured it: L4, 3090, A100 and H100 span it. */
const visibleShare = { low: 0.955, expected: 0.981, high: 0.995 } as const;

function totalOf(row: DeviceRow): Quantity {
  if (row.measuredGib !== null) {
    const seen = measured(row.measuredGib * gib, `total seen on a ${row.name} (${row.source})`, 0.05 * gib);
    // Under WSL2 the driver reports the size on the box (a 4090 says 23.99 GiB).
    return row.name.includes("GeForce") ? { ...seen, highBytes: row.nominalGib * gib } : seen;
  }
  const nominal = row.nominalGib * gib;
  return estimated(
    nominal * visibleShare.low,
    nominal * visibleShare.expected,
    nominal * visibleShare.high,
    `nominal ${row.nominalGib} GiB; nobody's log of this device was at hand`,
  );
}

/** A row of the catalogue as a device. */
export function deviceOf(row: DeviceRow): Device {
  return {
    name: row.name,
    vendor: row.vendor,
    total: totalOf(row),
    nominalBytes: row.nominalGib * gib,
    computeCapability: row.computeCapability,
    bandwidthBytesPerSecond: row.gigabytesPerSecond * 1e9,
    flopsPerSecond: row.teraflops * 1e12,
    numMultiprocessors: row.numMultiprocessors,
    isUnified: row.isUnified === true,
  };
}

/** The device with a total the user stated, taken as visible or as nominal. */
export function withTotal(device: Device, bytes: number, meaning: "visible" | "nominal"): Device {
  if (meaning === "visible") return { ...device, total: measured(bytes, "stated as the visible total") };
  const scaled = (share: number): number => bytes * share;
  return {
    ...device,
    nominalBytes: bytes,
    total: estimated(
      scaled(visibleShare.low),
      scaled(visibleShare.expected),
      scaled(visibleShare.high),
      "stated as nominal",
    ),
  };
}
