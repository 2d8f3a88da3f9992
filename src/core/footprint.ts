/**
 * @module The memory of a model before it is allocated: the shape that a formula takes, and the bytes that it gives. Each
 * backend has its own formula (`backend/cpu/footprint`).
 */
import type { KvLayerShape } from "./kv-layout.ts";
import type { WeightStorage } from "./weight-storage.ts";

export interface WeightShape {
  readonly name: string;
  readonly role: "matrix" | "vector";
  readonly numRows: number;
  readonly numCols: number;
  readonly storage: WeightStorage;
  /** Null for weights that belong to no layer: embedding, final norm, head. */
  readonly layer: number | null;
}

interface OperationShape {
  readonly kind: string;
  /** Attention only. */
  readonly numHeads?: number;
  readonly kvLayer?: number;
}

/** The shape of a model, without its numbers. A `Program` (backend/program.ts) is one; kvLayers[i] belongs to layer i. */
export interface ModelShape {
  readonly weights: readonly WeightShape[];
  readonly buffers: readonly {
    readonly name: string;
    readonly rows: "tokens" | "outputs";
    /** Numbers (f32) in a row. */
    readonly width: number;
  }[];
  readonly kvLayers: readonly KvLayerShape[];
  readonly ropeTables: readonly { readonly inverseFrequencies: readonly number[] }[];
  readonly vocabularyWidth: number;
  readonly body: readonly OperationShape[];
  readonly head: readonly OperationShape[];
}

export type FootprintComponent = "weights" | "workspace" | "kvPool" | "tables";

/** One buffer. */
export interface FootprintItem {
  readonly component: FootprintComponent;
  readonly name: string;
  readonly numBytes: number;
}

export interface Footprint {
  readonly components: Readonly<Record<FootprintComponent, number>>;
  /** Sum of the components. */
  readonly totalBytes: number;
}

/** Adds up the bytes of a model's buffers by component. */
export function sumFootprint(items: readonly FootprintItem[]): Footprint {
  const components = { weights: 0, workspace: 0, kvPool: 0, tables: 0 };
  for (const { component, numBytes } of items) components[component] += numBytes;
  return { components, totalBytes: sumBytes(items) };
}

export function sumBytes(items: readonly { readonly numBytes: number }[]): number {
  return items.reduce((sum, { numBytes }) => sum + numBytes, 0);
}
