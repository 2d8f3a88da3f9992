/** @module Where a start may end, in the order of a start: the kinds that plans, logs and remedies share. */

export type FailureKind =
  | "invalidSetting"
  | "context"
  | "freeMemoryAtStart"
  | "weights"
  | "repacking"
  | "neighbourFreed"
  | "activations"
  | "sampler"
  | "noKvMemory"
  | "requestTooLong"
  | "stateCache"
  | "kvAllocation"
  | "runtimeReserve"
  | "graphCapture"
  | "warmUp"
  | "warmUpStall"
  | "serving"
  | "outOfMemory";
