/** @module Whether a llama-server start gets through: buffers are allocated one after another, and the first that is too large ends it. */
import { formatBytes, mib } from "../../../../core/byte-size.ts";
import type { FailureKind } from "../../../plan/failure.ts";
import type { Verdict } from "../../../plan/plan.ts";
import type { Quantity } from "../../../quantity/quantity.ts";
import type { HeldBytes } from "./footprint.ts";

interface Stage {
  readonly failure: FailureKind;
  readonly what: string;
  readonly bytes: number;
}

/** In the order of a start. */
function stagesOf({ weights, cache, state, compute }: HeldBytes): readonly Stage[] {
  return [
    { failure: "weights", what: "weights", bytes: weights },
    { failure: "kvAllocation", what: "KV cache", bytes: cache },
    { failure: "stateCache", what: "recurrent states", bytes: state },
    { failure: "activations", what: "compute buffer", bytes: compute },
  ];
}

function firstTooLarge(held: HeldBytes, freeBytes: number): Stage | null {
  let taken = 0;
  for (const stage of stagesOf(held)) {
    taken += stage.bytes;
    if (taken > freeBytes) return stage;
  }
  return null;
}

export interface PlaceOfStart {
  readonly held: HeldBytes;
  /** Free before anything is loaded. */
  readonly free: Quantity;
  /** `device 0`, or the machine. */
  readonly name: string;
  readonly isCard: boolean;
}

function message({ bytes }: Stage, { name, isCard }: PlaceOfStart): string {
  const size = (bytes / mib).toFixed(2);
  return isCard
    ? `ggml_backend_cuda_buffer_type_alloc_buffer: allocating ${size} MiB on ${name}: cudaMalloc failed: out of memory`
    : `ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size ${Math.round(bytes)}`;
}

/** The verdict at the expected value, and half-way to either end. */
export function llamaVerdict(place: PlaceOfStart): Verdict {
  const { held, free } = place;
  const total = stagesOf(held).reduce((sum, { bytes }) => sum + bytes, 0);
  const half = (end: number): number => (end + free.expectedBytes) / 2;
  const points = [half(free.lowBytes), free.expectedBytes, half(free.highBytes)].map((bytes) =>
    firstTooLarge(held, bytes),
  );
  const both = `${formatBytes(total)} are needed and ${formatBytes(Math.max(0, free.expectedBytes))} are free`;
  if (points.every((stage) => stage === null))
    return {
      kind: "fits",
      failure: null,
      reason: `everything is allocated before the first request: ${both}`,
      engineMessage: null,
      suggestions: [],
    };
  const stage = points.find((point) => point !== null) ?? null;
  const isSure = points.every((point) => point !== null);
  return {
    kind: isSure ? "dies" : "uncertain",
    failure: stage?.failure ?? "outOfMemory",
    reason: `there is ${isSure ? "no" : "not surely"} room for the ${stage?.what ?? "start"} on ${place.name}: ${both}`,
    engineMessage: stage === null ? null : message(stage, place),
    suggestions: [],
  };
}
