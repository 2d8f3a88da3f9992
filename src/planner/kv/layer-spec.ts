/**
 * @module How one layer stores its keys and values (or its state), in vLLM's words: the page of a block and what a request
 * of a given length holds. Formulas: vllm-memory.md §3.1–3.2 and kv_cache_interface.py of vLLM 0.32.
 */
import { ceilDiv } from "../quantity/bytes.ts";

/** A layer that keeps something for every token it may still look at. */
export interface AttentionSpec {
  readonly kind: "full" | "sliding" | "chunked" | "latent" | "slidingLatent" | "cross";
  readonly blockSize: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly valueHeadDim: number;
  readonly dtypeBytes: number;
  /** Bytes of one head slot of one token where the dtype packs them; null: (headDim + valueHeadDim) × dtype. */
  readonly contentBytes: number | null;
  /** Head slots where packing splits or joins them; null: one a head. */
  readonly numHeadSlots: number | null;
  /** Page enlarged to agree with other layers; null: as it comes. */
  readonly paddedPageBytes: number | null;
  /** Window of sliding and promoted layers, chunk of chunked ones; null: none. */
  readonly span: number | null;
  readonly spanKind: "window" | "chunk";
  /** Trailing tokens kept for multi-module speculation. */
  readonly extraTokens: number;
  /** Whatever else must agree for layers to share a group (KV dtype name, quantization mode). */
  readonly label: string;
}

/** A layer with a recurrent state: its size does not depend on the block. */
export interface StateSpec {
  readonly kind: "mamba";
  readonly blockSize: number;
  readonly stateBytes: number;
  readonly paddedPageBytes: number | null;
  readonly numSpeculativeBlocks: number;
  /** States kept at prefill checkpoints (align mode only). */
  readonly numCheckpointBlocks: number;
  readonly label: string;
}

export type LayerSpec = AttentionSpec | StateSpec;

/** What a request's needs depend on besides the layer. */
export interface RequestLimits {
  readonly maxModelLen: number;
  /** Tokens scheduled and not yet settled: concurrent batches × batched tokens. */
  readonly maxInFlightTokens: number;
  readonly decodeContextParallel: number;
  readonly mambaCacheMode: "none" | "align" | "all";
  /** Encoder tokens of a cross-attention model. */
  readonly maxEncoderTokens: number;
}

/** Page of one block before any padding, in bytes. */
export function unpaddedPageBytes(spec: LayerSpec): number {
  if (spec.kind === "mamba") return spec.stateBytes;
  const content = spec.contentBytes ?? (spec.headDim + spec.valueHeadDim) * spec.dtypeBytes;
  return (spec.numHeadSlots ?? spec.numKvHeads) * spec.blockSize * content;
}

/** Page of one block of one layer, in bytes. */
export function pageBytes(spec: LayerSpec): number {
  return spec.paddedPageBytes ?? unpaddedPageBytes(spec);
}

/** Blocks of this layer's table that a request of `limits.maxModelLen` tokens holds at most. */
export function blocksPerRequest(spec: LayerSpec, limits: RequestLimits): number {
  const { maxModelLen, maxInFlightTokens } = limits;
  switch (spec.kind) {
    case "full":
    case "latent":
      return ceilDiv(ceilDiv(maxModelLen, limits.decodeContextParallel), spec.blockSize);
    case "sliding":
    case "slidingLatent": {
      const held = Math.min((spec.span ?? 1) - 1 + spec.extraTokens + maxInFlightTokens, maxModelLen);
      return ceilDiv(held, spec.blockSize) + 1;
    }
    case "chunked":
      return ceilDiv(Math.min((spec.span ?? 0) + maxInFlightTokens, maxModelLen), spec.blockSize);
    case "cross":
      return ceilDiv(limits.maxEncoderTokens, spec.blockSize);
    case "mamba":
      if (limits.mambaCacheMode === "align") return 2 + spec.numSpeculativeBlocks + spec.numCheckpointBlocks;
      if (limits.mambaCacheMode === "all")
        return ceilDiv(maxModelLen, spec.blockSize) + spec.numSpeculativeBlocks;
      return 1 + spec.numSpeculativeBlocks;
  }
}

/** Full attention's kinds: they share a table whatever window they record. */
export function isFullKind(spec: LayerSpec): boolean {
  return spec.kind === "full" || spec.kind === "latent";
}

/** Everything of a spec but the window or chunk that a full layer merely records. */
function shapeKey(spec: LayerSpec): string {
  return JSON.stringify(
    spec.kind === "full" || spec.kind === "latent" ? { ...spec, span: null, spanKind: null } : spec,
  );
}

/** Windows and chunks that full layers record, each once. */
export function recordedSpans(specs: readonly LayerSpec[]): {
  readonly windows: number;
  readonly chunks: number;
} {
  const spans = { window: new Set<number>(), chunk: new Set<number>() };
  for (const spec of specs)
    if (spec.kind === "full" && spec.span !== null) spans[spec.spanKind].add(spec.span);
  return { windows: spans.window.size, chunks: spans.chunk.size };
}

/** True where specs may share one group as they are (KVCacheSpec.merge): equal, but for what full layers record. */
export function areMergeable(specs: readonly LayerSpec[]): boolean {
  const [first] = specs;
  if (first === undefined) return true;
  const key = shapeKey(first);
  if (!specs.every((spec) => shapeKey(spec) === key)) return false;
  const { windows, chunks } = recordedSpans(specs);
  return windows + chunks <= 1;
}

/** True where two specs need the same number of token slots, so that one table serves both (UniformTypeKVCacheSpecs). */
export function areUniform(a: LayerSpec, b: LayerSpec): boolean {
  if (a.blockSize !== b.blockSize) return false;
  if (isFullKind(a)) return isFullKind(b);
  if (a.kind === "mamba" || b.kind === "mamba")
    return (
      a.kind === "mamba" &&
      b.kind === "mamba" &&
      a.numSpeculativeBlocks === b.numSpeculativeBlocks &&
      pageBytes(a) === pageBytes(b)
    );
  if (a.kind === "sliding" && b.kind === "slidingLatent") return a.span === b.span;
  return a.kind === b.kind && (a.kind === "cross" || a.span === b.span);
}
