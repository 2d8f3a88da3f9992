/** @module The door through which other rooms ask what the CPU backend would allocate: pure arithmetic, in a browser too. */

export { cpuFootprint } from "./cpu-footprint.ts";
export type { CpuLimits } from "./cpu-limits.ts";
export { type InstanceFootprint, instanceFootprint, kvLayersOfRanks } from "./instance-footprint.ts";
