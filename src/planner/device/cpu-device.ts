/** @module A machine whose processors are the device. */
import { exact } from "../quantity/quantity.ts";
import type { Device } from "./device.ts";

export interface CpuMemory {
  /** As a person would call it: `this machine`. */
  readonly name: string;
  /** The smaller of the container's limit and physical memory. */
  readonly totalBytes: number;
  /** Processors that may be used at once. */
  readonly numProcessors: number;
}

/** Read by both processors of the virtual machine that docs/performance.md is about. */
const bandwidthBytesPerSecond = 21.4e9;
/** Multiply-adds of 4-bit weights and 8-bit activations on one of its cores, four tokens at a time (docs/performance.md). */
const flopsPerProcessor = 2 * 94e9;

/** Total is exact: the kernel says it. Speeds are those of a machine that was measured. */
export function cpuDevice({ name, totalBytes, numProcessors }: CpuMemory): Device {
  return {
    name,
    vendor: "cpu",
    total: exact(totalBytes, "this machine, or the container it is in"),
    nominalBytes: totalBytes,
    computeCapability: 0,
    bandwidthBytesPerSecond,
    flopsPerSecond: flopsPerProcessor * numProcessors,
    numMultiprocessors: numProcessors,
    isUnified: true,
  };
}
