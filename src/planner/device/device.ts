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

/** Share of the nominal size that the driver reports where nobody has measured it: L4, 3090, A100 and H100 span NVIDIA's. */
const nvidiaShare = { low: 0.955, expected: 0.981, high: 0.995 } as const;
/** AMD reports the whole, less ECC where it is on (an R9700: 0.933); Intel's two cards of the sample say 0.944 and 0.996. */
const visibleShares: Readonly<Partial<Record<DeviceVendor, typeof nvidiaShare | OtherShare>>> = {
  amd: { low: 0.93, expected: 0.9985, high: 1 },
  intel: { low: 0.94, expected: 0.985, high: 1 },
};
/** The host's memory less what firmware keeps: Orin, GB10. */
const unifiedShare: OtherShare = { low: 0.9, expected: 0.955, high: 0.99 };

interface OtherShare {
  readonly low: number;
  readonly expected: number;
  readonly high: number;
}

/** Drivers of one generation and the next differ by this much on one card (a 4090: 23.52 to 23.65 GiB). */
const driverSpreadGib = { below: 0.04, above: 0.1 } as const;
/** A unified device's total follows the host's: firmware and driver settings move it. */
const unifiedSpreadGib = { below: 2.1, above: 0.1 } as const;

function totalOf(row: DeviceRow): Quantity {
  if (row.measuredGib !== null) {
    const spread = row.isUnified === true ? unifiedSpreadGib : driverSpreadGib;
    const seen = measured(row.measuredGib * gib, `total seen on a ${row.name} (${row.source})`);
    return {
      ...seen,
      lowBytes: seen.expectedBytes - spread.below * gib,
      highBytes: seen.expectedBytes + spread.above * gib,
    };
  }
  const share = row.isUnified === true ? unifiedShare : (visibleShares[row.vendor] ?? nvidiaShare);
  const nominal = row.nominalGib * gib;
  return estimated(
    nominal * share.low,
    nominal * share.expected,
    nominal * share.high,
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
      scaled(nvidiaShare.low),
      scaled(nvidiaShare.expected),
      scaled(nvidiaShare.high),
      "stated as nominal",
    ),
  };
}

/** What a plan says of a device without memory of its own; empty for any other. */
export function ownershipWarnings({ name, isUnified, vendor }: Device): readonly string[] {
  if (!isUnified || vendor === "cpu") return [];
  return [
    `The memory of ${name} is the host's: the share is one of the whole machine, and what other programs and the page cache hold is not free.`,
  ];
}
