/** @module What a model's arithmetic is, whichever file described it. Frozen; nothing writes to it after it is read. */
import { PagodaError } from "../../core/errors.ts";
import type { RopeConfig } from "./rope-config.ts";

export const architectureNames = [
  "llama",
  "mistral",
  "qwen2",
  "qwen3",
  "phi3",
  "gemma2",
  "gemma3",
  "granite",
  "olmo2",
] as const;
export type ArchitectureName = (typeof architectureNames)[number];

/** The error for a model that no architecture file describes. */
export function unknownArchitecture(name: string): PagodaError {
  return new PagodaError(
    "model_unsupported",
    `The architecture ${JSON.stringify(name)} is not implemented.`,
    {
      param: "model_type",
      hint: `Known architectures: ${architectureNames.join(", ")}.`,
    },
  );
}

/** How one layer's attention sees the past. */
export interface LayerConfig {
  /** Tokens a query sees, itself included; null: all before it. */
  readonly window: number | null;
  /** Index into `ropes`. */
  readonly ropeId: number;
}

export interface ModelConfig {
  /** Decides how tensors are named and stored: GGUF converters permute some q and k rows and add Gemma's 1 to norms. */
  readonly checkpoint: "huggingface" | "gguf";
  readonly architecture: ArchitectureName;
  readonly vocabularyWidth: number;
  readonly hiddenWidth: number;
  /** Width of the feed-forward network between its two projections. */
  readonly intermediateWidth: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Divides numHeads. */
  readonly numKvHeads: number;
  readonly headDim: number;
  /** Leading columns of a head that are turned by position; even, at most headDim. */
  readonly rotaryDim: number;
  /** Longest sequence in tokens that the model was made for. */
  readonly maxPositions: number;
  readonly normEpsilon: number;
  readonly activation: "silu" | "geluTanh";
  /** The head is the embedding's own matrix. */
  readonly tiedEmbeddings: boolean;
  readonly biases: { readonly qkv: boolean; readonly attentionOutput: boolean; readonly mlp: boolean };
  readonly embeddingScale: number;
  /** Factor on what each attention and each feed-forward network adds to the hidden state. */
  readonly residualScale: number;
  /** Factor on q·k before softcap and softmax. */
  readonly attentionScale: number;
  readonly logitScale: number;
  /** cap · tanh(score / cap) on attention scores; null: none. */
  readonly attentionSoftcap: number | null;
  readonly finalSoftcap: number | null;
  readonly ropes: readonly RopeConfig[];
  /** One entry per layer. */
  readonly layers: readonly LayerConfig[];
}

/** The numbers that fix the sizes of all tensors. */
export type ModelShape = Pick<
  ModelConfig,
  | "vocabularyWidth"
  | "hiddenWidth"
  | "intermediateWidth"
  | "numLayers"
  | "numHeads"
  | "numKvHeads"
  | "headDim"
  | "rotaryDim"
  | "maxPositions"
>;

/** Freezes a config and everything in it. */
export function freezeConfig(config: ModelConfig): ModelConfig {
  config.layers.forEach(Object.freeze);
  config.ropes.forEach(Object.freeze);
  Object.freeze(config.layers);
  Object.freeze(config.ropes);
  Object.freeze(config.biases);
  return Object.freeze(config);
}
