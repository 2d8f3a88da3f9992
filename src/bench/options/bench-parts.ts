/** @module The parts of a bench run; each can be run alone. */
export const benchParts = [
  "loads",
  "latency",
  "contexts",
  "start",
  "twins",
  "kernels",
  "steps",
  "scheduler",
] as const;
export type BenchPart = (typeof benchParts)[number];
