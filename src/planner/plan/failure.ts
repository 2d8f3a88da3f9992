/** @module Where a start may end, in the order of a start: the kinds that plans, logs and remedies share. */

export type FailureKind =
  | "invalidSetting"
  | "freeMemoryAtStart"
  | "weights"
  | "neighbourFreed"
  | "activations"
  | "sampler"
  | "noKvMemory"
  | "requestTooLong"
  | "stateCache"
  | "runtimeReserve"
  | "graphCapture"
  | "warmUpStall"
  | "serving"
  | "outOfMemory";
