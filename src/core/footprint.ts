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

/**
 * What the memory of an instance consists of, in the words of plans and memory reports of every engine, and in the order
 * of a drawing:
 *
 *   runtime      the process itself: Node and its heap, or a CUDA context with its libraries
 *   weights      the model's numbers, as they lie in memory
 *   persistent   buffers that an engine keeps for good and that follow from its limits (inputs, sampling)
 *   workspace    buffers of the forward pass that are allocated once, at start
 *   activations  the peak of a forward pass in an allocator that grows, as profiling measures it
 *   graphs       captured graphs
 *   state        recurrent state of linear-attention and state-space layers
 *   kvPool       the paged KV cache
 *   tables       rotary tables, job lists, control words, page rounding
 *   other        what an engine holds besides
 *   free         what nobody holds
 */
export type MemoryComponentName =
  | "runtime"
  | "weights"
  | "persistent"
  | "workspace"
  | "activations"
  | "graphs"
  | "state"
  | "kvPool"
  | "tables"
  | "other"
  | "free";

/** Those that a backend allocates. */
export type FootprintComponent = Extract<MemoryComponentName, "weights" | "workspace" | "kvPool" | "tables">;

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
