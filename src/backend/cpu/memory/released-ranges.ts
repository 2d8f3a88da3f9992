/** @module Which bytes of an arena a sleeping model can do without. */
import { invariant } from "../../../core/errors.ts";
import type { ArenaLayout } from "./layout.ts";

/** Half-open, in bytes. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ArenaParts {
  readonly weights: ByteRange;
  readonly kvPool: ByteRange;
  /** Activations and scratch: written before they are read in every step. */
  readonly workspace: ByteRange;
}

/** The layout allocates weights, KV pool, workspace and step inputs one after another. */
export function arenaParts(layout: ArenaLayout): ArenaParts {
  const workspaceStart = first(layout.buffers.values(), layout.numBytes);
  const inputsStart = first(layout.inputs.values(), workspaceStart);
  const kvStart = first([...layout.kvLayers.values()].flat(), workspaceStart);
  const weightsStart = first(layout.weights.values(), layout.weightsEnd);
  invariant(
    weightsStart <= layout.weightsEnd && layout.weightsEnd <= kvStart && kvStart <= workspaceStart,
    () => "the parts of an arena lie in another order",
  );
  return {
    weights: { start: weightsStart, end: layout.weightsEnd },
    kvPool: { start: kvStart, end: workspaceStart },
    workspace: { start: workspaceStart, end: Math.max(workspaceStart, inputsStart) },
  };
}

function first(offsets: Iterable<number>, otherwise: number): number {
  const smallest = Math.min(...offsets);
  return Number.isFinite(smallest) ? smallest : otherwise;
}
