/** @module What the planner knows of a model: its layers, one by one, and the few numbers around them. */

/** Softmax attention with its own keys and values. */
export interface AttentionMixer {
  readonly kind: "attention";
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headDim: number;
  readonly valueHeadDim: number;
  /** Tokens a query looks back over; null: all. */
  readonly window: number | null;
  /** Chunk of Llama 4's local attention; null: none. */
  readonly chunk: number | null;
  /** The query projection also makes an output gate as wide as itself (Qwen3-Next). */
  readonly hasOutputGate: boolean;
  /** Keys double as values: one projection makes both (Gemma 4's global layers). */
  readonly sharesKeyValue: boolean;
  /** Cross-attention reads an encoder's tokens (Llama 3.2 Vision). */
  readonly isCross: boolean;
  /** Keys and values are those of an earlier layer: nothing is projected to them and nothing cached (Gemma 4's last layers). */
  readonly borrowsCache?: true;
  /** A sparse attention's index (MiniMax M3): query heads and the width of the one key that is cached beside. */
  readonly index?: { readonly numHeads: number; readonly headDim: number };
  /** One learned sink a head in this layer alone (MiMo V2's windows). */
  readonly hasSinks?: true;
}

/** Multi-head latent attention (DeepSeek V2 and later): one latent vector per token is cached. */
export interface LatentMixer {
  readonly kind: "latent";
  readonly numHeads: number;
  readonly queryRank: number | null;
  readonly kvRank: number;
  readonly nopeHeadDim: number;
  readonly ropeHeadDim: number;
  readonly valueHeadDim: number;
  /** DeepSeek V3.2's sparse indexer; null: none. */
  readonly indexer: { readonly numHeads: number; readonly headDim: number } | null;
  /** The output is gated by a projection as wide as the values (Kimi K3). */
  readonly hasOutputGate?: true;
  /**
   * DeepSeek V4: keys and values are one vector a token, of which `ratio` are compressed into one that is cached (0: none,
   * the layer sees its window alone); the output goes through a matrix of low rank in groups.
   */
  readonly compressed?: {
    readonly ratio: number;
    readonly outputGroups: number;
    readonly outputRank: number;
  };
}

/** Gated delta net (Qwen3-Next, Qwen3.5): a recurrent state instead of a cache. */
export interface LinearMixer {
  readonly kind: "linear";
  readonly numKeyHeads: number;
  readonly numValueHeads: number;
  readonly keyHeadDim: number;
  readonly valueHeadDim: number;
  readonly convWidth: number;
  readonly stateDtype: "float32" | "model";
}

/** Mamba 2 state space layer. */
export interface MambaMixer {
  readonly kind: "mamba2";
  readonly numHeads: number;
  readonly headDim: number;
  readonly stateWidth: number;
  readonly numGroups: number;
  readonly convWidth: number;
  readonly stateDtype: "float32" | "model";
}

export type Mixer = AttentionMixer | LatentMixer | LinearMixer | MambaMixer | { readonly kind: "none" };

export interface DenseFeedForward {
  readonly kind: "dense";
  readonly width: number;
  readonly isGated: boolean;
}

export interface ExpertFeedForward {
  readonly kind: "experts";
  readonly numExperts: number;
  readonly numActive: number;
  readonly width: number;
  readonly isGated: boolean;
  /** Width of the experts every token passes, all together; 0: none. */
  readonly sharedWidth: number;
  readonly hasSharedGate: boolean;
  readonly hasBias: boolean;
  readonly hasRouterBias: boolean;
  /** Width of the vector that experts read and write where it is not the hidden state's (latent experts); two matrices join. */
  readonly innerSize?: number;
  /** Width of a dense feed-forward beside the experts (Gemma 4). */
  readonly denseWidth?: number;
}

export type FeedForward = DenseFeedForward | ExpertFeedForward | { readonly kind: "none" };

export interface LayerFacts {
  readonly mixer: Mixer;
  readonly feedForward: FeedForward;
}

/** What an architecture adds around its projections; numbers come from the modelling code of each family. */
export interface ArchitectureTraits {
  readonly qkvBias: boolean;
  readonly outBias: boolean;
  readonly feedForwardBias: boolean;
  readonly headBias: boolean;
  readonly isGated: boolean;
  /** One learned sink a head (gpt-oss). */
  readonly hasSinks: boolean;
  readonly queryKeyNorm: "none" | "head" | "projection";
  readonly normsPerLayer: number;
  /** 1 for RMS norms, 2 for layer norms with bias, 0 for norms without weights. */
  readonly normTensors: number;
  /** Share of the head that is rotated; 0: positions are learned or linear. */
  readonly rotaryShare: number;
  readonly learnedPositions: boolean;
}

export interface VisionFacts {
  readonly numParameters: number;
  /** True where the configuration did not describe the tower and the family's published one was taken. */
  readonly isAssumed: boolean;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly width: number;
  /** Patches of the largest image, for the encoder's dummy batch. */
  readonly maxPatches: number;
  /** Patches merged into one token of the text model. */
  readonly patchesPerToken: number;
}

export interface QuantizationFacts {
  readonly method:
    | "awq"
    | "gptq"
    | "fp8"
    | "mxfp8"
    | "compressed-tensors"
    | "mxfp4"
    | "nvfp4"
    | "bitsandbytes"
    | "gguf"
    | "aqlm"
    | "int8"
    | "other";
  readonly bits: number;
  /** Weights that share a scale; -1: a whole output row; 0: the whole tensor. */
  readonly groupSize: number;
  /** Side of a square scale block (fp8 of DeepSeek and Qwen3); null: none. */
  readonly blockSide: number | null;
  readonly isSymmetric: boolean;
  readonly usesActivationOrder: boolean;
  readonly quantizesHead: boolean;
  /** Roles kept in 16 bits beyond embedding, head, norms and router. */
  readonly keeps: readonly ("attention" | "sharedExpert" | "denseFeedForward" | "linearMixer")[];
  readonly ggufType: string | null;
  /**
   * Matrices that differ from the rest, by `moduleKey` of quantized-modules.ts: another format, or null for the model's own
   * dtype. Empty: all matrices are alike.
   */
  readonly exceptions: Readonly<Record<string, QuantizationFacts | null>>;
}

export type ModelDtype = "bfloat16" | "float16" | "float32";

export interface ModelFacts {
  readonly name: string;
  readonly architecture: string;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly isTied: boolean;
  readonly maxPositions: number;
  readonly dtype: ModelDtype;
  readonly layers: readonly LayerFacts[];
  readonly traits: ArchitectureTraits;
  readonly quantization: QuantizationFacts | null;
  readonly vision: VisionFacts | null;
  /** Draft layers that the checkpoint carries (multi-token prediction); not loaded unless asked for. */
  readonly numDraftLayers: number;
  /** Distinct rotary tables the engine keeps. */
  readonly numRotaryTables: number;
  /** KV dtype that the checkpoint declares; null: none. */
  readonly declaredKvDtype: string | null;
  /** The architecture is not known: plain layers of the stated sizes were taken. */
  readonly isFromFieldsAlone?: true;
  /** Embeddings that every layer reads from a table of its own (Gemma 4's small models). */
  readonly perLayerEmbedding?: { readonly vocabSize: number; readonly width: number };
  /** What was not in the configuration and was taken from the family instead; shown to the user. */
  readonly assumed: readonly string[];
}

/** Bytes of one number of a 16- or 32-bit model dtype. */
export function dtypeBytes(dtype: ModelDtype): number {
  return dtype === "float32" ? 4 : 2;
}
