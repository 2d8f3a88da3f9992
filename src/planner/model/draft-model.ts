/**
 * @module The shape of a speculative draft that hangs on its target: layers the checkpoint itself carries (multi-token
 * prediction), or a small head beside it (EAGLE). Sources: deepseek_mtp, qwen3_next_mtp, llama_eagle and llama_eagle3 of
 * vLLM 0.32.
 */
import { dtypeBytes, type LayerFacts, type ModelFacts } from "./facts.ts";
import { memoPerModel } from "./memo.ts";

export interface DependentDraft {
  /** The target with the draft's layers in place of its own; embedding and head belong to the target. */
  readonly facts: ModelFacts;
  /** Matrices beside the layers, the same on every rank: what joins embedding and hidden state, and norms. */
  readonly joiningBytes: number;
  /** A head of its own, split over the ranks, as EAGLE-3 has for its smaller vocabulary; bytes of the whole. */
  readonly headBytes: number;
}

function withLayers(target: ModelFacts, layers: readonly LayerFacts[]): ModelFacts {
  // One rotary table serves target and draft: the engine keeps tables by their parameters.
  return { ...target, layers, vision: null, numRotaryTables: 0, numDraftLayers: 0 };
}

const isCaching = ({ mixer }: LayerFacts): boolean => mixer.kind === "attention" || mixer.kind === "latent";

/** The last layer that keeps keys and values; a draft is shaped like it. */
function lastCaching(target: ModelFacts): LayerFacts | null {
  return target.layers.findLast(isCaching) ?? null;
}

/** Layers of multi-token prediction: each a decoder layer, a projection 2H → H and two norms. */
export const predictionLayers: (target: ModelFacts, numLayers: number) => DependentDraft = memoPerModel(
  (numLayers: number) => `prediction ${numLayers}`,
  (target, numLayers): DependentDraft => {
    const layer = lastCaching(target);
    const layers = layer === null ? [] : Array.from({ length: numLayers }, () => layer);
    const { hiddenSize } = target;
    const joining = numLayers * (2 * hiddenSize * hiddenSize + 2 * hiddenSize);
    return {
      facts: withLayers(target, layers),
      joiningBytes: joining * dtypeBytes(target.dtype),
      headBytes: 0,
    };
  },
);

/** Hidden states that EAGLE-3 joins, from three depths of the target. */
const numJoinedStates = 3;
/** Rows of the heads that EAGLE-3 drafts are published with. */
const thirdHeadRows = 32_000;

/**
 * One dense layer in 16 bits as wide as the target, which is how EAGLE heads are published. EAGLE joins embedding and hidden
 * state (2H → H); EAGLE-3 joins three hidden states (3H → H), reads both in its attention (2H wide) and has its own head.
 */
export const eagleHead: (target: ModelFacts, isThird: boolean) => DependentDraft = memoPerModel(
  (isThird: boolean) => `eagle ${isThird}`,
  (target, isThird): DependentDraft => {
    const layer = lastCaching(target);
    const { hiddenSize } = target;
    const width = layer?.feedForward.kind === "dense" ? layer.feedForward.width : 4 * hiddenSize;
    const mixer =
      layer?.mixer.kind === "attention" ? { ...layer.mixer, window: null, chunk: null } : layer?.mixer;
    const layers: readonly LayerFacts[] =
      mixer === undefined ? [] : [{ mixer, feedForward: { kind: "dense", width, isGated: true } }];
    const facts = { ...withLayers(target, layers), quantization: null };
    const bytes = dtypeBytes(target.dtype);
    const queryRows =
      mixer?.kind === "attention" ? (mixer.numHeads + 2 * mixer.numKvHeads) * mixer.headDim : 0;
    const joined = isThird ? numJoinedStates * hiddenSize + queryRows : 2 * hiddenSize;
    return {
      facts,
      joiningBytes: joined * hiddenSize * bytes,
      headBytes: isThird ? Math.min(thirdHeadRows, target.vocabSize) * hiddenSize * bytes : 0,
    };
  },
);
