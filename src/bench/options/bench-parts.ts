/** @module The parts of a bench run; each can be run alone. */
export const benchParts = [
  "loads",
  "latency",
  "contexts",
  "start",
  "twins",
  "kernels",
  "steps",
  "ranks",
  "scheduler",
] as const;
export type BenchPart = (typeof benchParts)[number];
