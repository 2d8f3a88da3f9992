/** @module The door for tests of other rooms: suites, hand-written steps, seeded numbers. No production file imports it. */
export { tokensPerPartition } from "../cpu/footprint/workspace-layout.ts";
export { whyNoLoader } from "../cpu/kernels/machine-code/loading/loader.ts";
export { sampleRow } from "../reference/sampling.ts";
export { SeededNumbers } from "../seeded-numbers.ts";
export { describeKernelConformance } from "./conformance.ts";
export { skipWithoutMachineCode } from "./machine-code-skip.ts";
export { type Slice, writeSlices } from "./slices.ts";
