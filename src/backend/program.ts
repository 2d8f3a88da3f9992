/**
 * @module A model's forward pass as data: buffers, weights and a list of operations.
 *
 * An architecture writes a program once, at load; a backend compiles it once and then runs it every step without further
 * decisions. All activations are f32, row-major, one row per token (`tokens`) or per sampled position (`outputs`).
 */
import type { KvLayerShape } from "../core/kv-layout.ts";
import type { TensorType } from "../core/tensor-type.ts";
import type { WeightStorage } from "../core/weight-storage.ts";

export type RowKind = "tokens" | "outputs";

export interface ActivationBuffer {
  readonly bufferId: number;
  readonly name: string;
  readonly rows: RowKind;
  /** Numbers (f32) in a row. */
  readonly width: number;
}

/** Where a weight's bytes lie on disk, and what happens to them on the way in. Plain data: it is sent to threads. */
export interface WeightOrigin {
  readonly path: string;
  readonly byteOffset: number;
  readonly numBytes: number;
  readonly type: TensorType;
  /**
   * Rows were stored in llama.cpp's order for interleaved rotary embedding (q and k of GGUF Llama files); reading
   * undoes it: row h·headDim + i is stored at h·headDim + (i < headDim/2 ? 2i : 2(i − headDim/2) + 1).
   */
  readonly interleavedHeads?: { readonly headDim: number };
  /** Gemma checkpoints store (weight − 1) of a norm. */
  readonly addOne?: boolean;
  /** Multiplies every weight (NVFP4 files keep it next to the tensor); only of encodings that are transcoded. */
  readonly factor?: number;
}

export interface WeightDeclaration {
  readonly weightId: number;
  /** The checkpoint's own tensor name. */
  readonly name: string;
  readonly role: "matrix" | "vector";
  /** [numRows, numCols]: outputs × inputs of a matrix (vocabulary × hidden for an embedding); a vector is [1, numCols]. */
  readonly numRows: number;
  readonly numCols: number;
  /** Vectors are f32. */
  readonly storage: WeightStorage;
  /** null for embedding, final norm and head. */
  readonly layer: number | null;
  readonly origin: WeightOrigin;
}

/** cos/sin of position p and pair i: p · inverseFrequencies[i], both times `attentionFactor`. */
export interface RopeTable {
  readonly inverseFrequencies: readonly number[];
  readonly attentionFactor: number;
}

/** Columns [offset, offset + width) of a buffer; `width` is implied by the operation. */
export interface Columns {
  readonly bufferId: number;
  readonly offset: number;
}

export type Operation =
  /** out[t] = scale · table[tokenIds[t]] */
  | { readonly kind: "embed"; readonly weightId: number; readonly out: number; readonly scale: number }
  /** out[t] = input[t] / sqrt(mean(input[t]²) + eps) · weight. `input` and `out` may be the same buffer. */
  | {
      readonly kind: "rmsNorm";
      readonly input: number;
      readonly weightId: number;
      readonly out: number;
      readonly eps: number;
    }
  /** The same in place over each head: numHeads segments of headDim columns, one shared weight [headDim]. */
  | {
      readonly kind: "headNorm";
      readonly at: Columns;
      readonly numHeads: number;
      readonly headDim: number;
      readonly weightId: number;
      readonly eps: number;
    }
  /**
   * out[t] = scale · (input[t] · Wᵀ + bias), the parts' rows next to each other in `out`, in the order given;
   * with `accumulate`, added to what `out` holds. All parts have numCols = width of input.
   */
  | {
      readonly kind: "linear";
      readonly input: number;
      readonly parts: readonly { readonly weightId: number; readonly biasId: number | null }[];
      readonly out: number;
      readonly accumulate: boolean;
      readonly scale: number;
    }
  /**
   * In place, each of numHeads heads: pairs (x[i], x[i + rotaryDim/2]) rotated by the position's angle; columns past
   * rotaryDim do not change.
   */
  | {
      readonly kind: "rope";
      readonly at: Columns;
      readonly numHeads: number;
      readonly headDim: number;
      readonly rotaryDim: number;
      readonly ropeId: number;
    }
  /** Writes this step's keys and values [numKvHeads·headDim] of each token into its slot of kvLayer. */
  | { readonly kind: "storeKv"; readonly key: Columns; readonly value: Columns; readonly kvLayer: number }
  /**
   * out[t, h] = Σ softmax(softcap(scale · q·k)) v over the cached tokens at positions (p − window, p] of t's own sequence
   * (window null: [0, p]). Query head h reads KV head h ÷ (numHeads/numKvHeads).
   */
  | {
      readonly kind: "attention";
      readonly query: Columns;
      readonly out: number;
      readonly kvLayer: number;
      readonly numHeads: number;
      readonly scale: number;
      readonly softcap: number | null;
      readonly window: number | null;
    }
  /** input = [gate | up], each as wide as `out`: out = activation(gate) · up */
  | {
      readonly kind: "glu";
      readonly input: number;
      readonly out: number;
      readonly activation: "silu" | "geluTanh";
    }
  /** out += scale · input */
  | { readonly kind: "add"; readonly input: number; readonly out: number; readonly scale: number }
  /** out[o] = input[outputRows[o]]: from a tokens buffer to an outputs buffer. */
  | { readonly kind: "gatherOutputs"; readonly input: number; readonly out: number }
  /** x = cap · tanh(x / cap), in place. */
  | { readonly kind: "softcap"; readonly buffer: number; readonly cap: number };

/** One layer's KV cache. Layers of one group share block tables (today all layers are in group 0). */
export interface KvLayer extends KvLayerShape {
  readonly group: number;
}

export interface Program {
  readonly architecture: string;
  readonly vocabularyWidth: number;
  readonly buffers: readonly ActivationBuffer[];
  readonly weights: readonly WeightDeclaration[];
  readonly ropeTables: readonly RopeTable[];
  readonly kvLayers: readonly KvLayer[];
  /** Every token of the step. Operations of layer l carry its index in `layerStarts`: body[layerStarts[l]] is its first. */
  readonly body: readonly Operation[];
  readonly layerStarts: readonly number[];
  /** Sampled positions only, run in pieces of at most `maxOutputRows` rows; begins with gatherOutputs. */
  readonly head: readonly Operation[];
  /** The outputs buffer [.., vocabularyWidth] that holds logits after `head`. */
  readonly logits: number;
}
