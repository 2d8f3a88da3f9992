/**
 * @module The weight tensors of one rank, fused the way serving engines hold them (q, k and v in one matrix, gate and up
 * in one), so that bytes and allocator rounding can be counted tensor by tensor.
 *
 *   column  split over output rows    qkv, gate_up, q_b, kv_b, in_proj
 *   row     split over input columns  o, down
 *   vocab   split over vocabulary     embedding, head  (rows padded to a multiple of 64 first)
 *   whole   on every rank             norms, router, q_a, kv_a
 */
import { PagodaError } from "../../../core/errors.ts";
import { ceilDiv, roundUp } from "../../quantity/bytes.ts";
import type {
  AttentionMixer,
  FeedForward,
  LatentMixer,
  LinearMixer,
  MambaMixer,
  ModelFacts,
} from "../facts.ts";
import { memoPerModel } from "../memo.ts";
import type { MatrixSide } from "../quantized-modules.ts";

export type TensorRole =
  | "embedding"
  | "head"
  | "positions"
  | "attention"
  | "linearMixer"
  | "denseFeedForward"
  | "sharedExpert"
  | "experts"
  | "expertsDown"
  | "router"
  | "norm"
  | "bias"
  | "state"
  | "vision";

export interface RankTensor {
  readonly role: TensorRole;
  /** Copies stacked in one tensor: the experts of this rank. */
  readonly numStacked: number;
  readonly numRows: number;
  readonly numCols: number;
  /** 4 where the engine keeps it in f32 whatever the model's dtype. */
  readonly bytesPerNumber: 4 | null;
  /** Which layer's; null: none of a layer. */
  readonly layer: number | null;
  readonly side: MatrixSide;
}

export interface RankLayout {
  readonly tensorParallel: number;
  /** Ranks over which whole experts are spread; 1: experts are split like other matrices. */
  readonly expertParallel: number;
  readonly pipelineParallel: number;
}

export const singleRank: RankLayout = { tensorParallel: 1, expertParallel: 1, pipelineParallel: 1 };

function tensor(
  role: TensorRole,
  numRows: number,
  numCols: number,
  numStacked = 1,
  bytesPerNumber: 4 | null = null,
): RankTensor {
  const side = role === "expertsDown" ? "out" : "in";
  return { role, numStacked, numRows, numCols, bytesPerNumber, layer: null, side };
}

/** A matrix that writes back into the hidden state, or one of a sparse attention's indexer. */
function onSide(side: MatrixSide, whole: RankTensor): RankTensor {
  return { ...whole, side };
}

/** KV heads one rank holds: split, and repeated where there are fewer heads than ranks. */
export function kvHeadsOnRank(numKvHeads: number, tensorParallel: number): number {
  return Math.max(1, Math.floor(numKvHeads / tensorParallel));
}

/** Vocabulary rows of one rank. */
export function vocabRowsOnRank(vocabSize: number, tensorParallel: number): number {
  return ceilDiv(roundUp(vocabSize, 64), tensorParallel);
}

function attentionTensors(mixer: AttentionMixer, facts: ModelFacts, tp: number): RankTensor[] {
  const { hiddenSize, traits } = facts;
  const heads = mixer.numHeads / tp;
  const kvHeads = kvHeadsOnRank(mixer.numKvHeads, tp);
  const queryRows = heads * mixer.headDim * (mixer.hasOutputGate ? 2 : 1);
  const keyRows = kvHeads * (mixer.headDim + (mixer.sharesKeyValue ? 0 : mixer.valueHeadDim));
  const kvRows = mixer.borrowsCache === true ? 0 : keyRows;
  const tensors = [
    tensor("attention", queryRows + kvRows, hiddenSize),
    onSide("out", tensor("attention", hiddenSize, heads * mixer.valueHeadDim)),
  ];
  if (traits.qkvBias) tensors.push(tensor("bias", queryRows + kvRows, 1));
  if (mixer.index !== undefined) {
    const rows = (mixer.index.numHeads + 1) * mixer.index.headDim;
    tensors.push(onSide("indexer", tensor("attention", rows, hiddenSize)));
  }
  if (traits.hasSinks || mixer.hasSinks === true) tensors.push(tensor("state", heads, 1));
  if (traits.outBias) tensors.push(tensor("bias", hiddenSize, 1));
  if (traits.queryKeyNorm === "head")
    tensors.push(tensor("norm", mixer.headDim, 1), tensor("norm", mixer.headDim, 1));
  if (traits.queryKeyNorm === "projection")
    tensors.push(tensor("norm", heads * mixer.headDim, 1), tensor("norm", kvHeads * mixer.headDim, 1));
  return tensors;
}

/** DeepSeek V4's attention (attention.py and compressor.py of vLLM 0.32's deepseek_v4). */
function compressedTensors(
  mixer: LatentMixer,
  { ratio, outputGroups, outputRank }: NonNullable<LatentMixer["compressed"]>,
  hiddenSize: number,
  tp: number,
): RankTensor[] {
  const headDim = mixer.kvRank + mixer.ropeHeadDim;
  const queryRank = mixer.queryRank ?? hiddenSize;
  const heads = mixer.numHeads / tp;
  const groups = outputGroups / tp;
  // Windows of few tokens overlap, so their compressor keeps two of them.
  const overlap = ratio === 4 ? 2 : 1;
  const compressor = (width: number): RankTensor => tensor("router", 2 * overlap * width, hiddenSize, 1, 4);
  return [
    tensor("attention", queryRank + headDim, hiddenSize),
    tensor("attention", heads * headDim, queryRank),
    onSide("out", tensor("attention", groups * outputRank, (heads * headDim) / groups)),
    onSide("out", tensor("attention", hiddenSize, groups * outputRank)),
    tensor("norm", queryRank, 1),
    tensor("norm", headDim, 1),
    tensor("state", heads, 1, 1, 4),
    ...(ratio > 0 ? [compressor(headDim)] : []),
    ...(mixer.indexer === null
      ? []
      : [
          onSide("indexer", tensor("attention", mixer.indexer.numHeads * mixer.indexer.headDim, queryRank)),
          tensor("router", mixer.indexer.numHeads, hiddenSize),
          compressor(mixer.indexer.headDim),
        ]),
  ];
}

function latentTensors(mixer: LatentMixer, facts: ModelFacts, tp: number): RankTensor[] {
  const { hiddenSize } = facts;
  if (mixer.compressed !== undefined) return compressedTensors(mixer, mixer.compressed, hiddenSize, tp);
  const heads = mixer.numHeads / tp;
  const queryRows = heads * (mixer.nopeHeadDim + mixer.ropeHeadDim);
  const latentRows = mixer.kvRank + mixer.ropeHeadDim;
  const tensors = [
    tensor("attention", heads * (mixer.nopeHeadDim + mixer.valueHeadDim), mixer.kvRank),
    onSide("out", tensor("attention", hiddenSize, heads * mixer.valueHeadDim)),
    tensor("norm", mixer.kvRank, 1),
  ];
  if (mixer.queryRank === null)
    tensors.push(tensor("attention", queryRows, hiddenSize), tensor("attention", latentRows, hiddenSize));
  else
    tensors.push(
      tensor("attention", mixer.queryRank + latentRows, hiddenSize),
      tensor("attention", queryRows, mixer.queryRank),
      tensor("norm", mixer.queryRank, 1),
    );
  if (mixer.hasOutputGate === true) tensors.push(tensor("attention", heads * mixer.valueHeadDim, hiddenSize));
  if (mixer.indexer !== null)
    tensors.push(
      onSide(
        "indexer",
        tensor("attention", mixer.indexer.numHeads * mixer.indexer.headDim, mixer.queryRank ?? hiddenSize),
      ),
      onSide("indexer", tensor("attention", mixer.indexer.headDim, hiddenSize)),
      tensor("router", mixer.indexer.numHeads, hiddenSize),
    );
  return tensors;
}

function linearTensors(mixer: LinearMixer, hiddenSize: number, tp: number): RankTensor[] {
  const keys = (mixer.numKeyHeads * mixer.keyHeadDim) / tp;
  const values = (mixer.numValueHeads * mixer.valueHeadDim) / tp;
  const heads = mixer.numValueHeads / tp;
  return [
    tensor("linearMixer", 2 * keys + 2 * values, hiddenSize),
    tensor("router", 2 * heads, hiddenSize),
    tensor("state", 2 * keys + values, mixer.convWidth),
    tensor("state", heads, 1),
    tensor("state", heads, 1, 1, 4),
    tensor("norm", mixer.valueHeadDim, 1),
    onSide("out", tensor("linearMixer", hiddenSize, values)),
  ];
}

function mambaTensors(mixer: MambaMixer, hiddenSize: number, tp: number): RankTensor[] {
  const inner = (mixer.numHeads * mixer.headDim) / tp;
  const groups = (2 * mixer.numGroups * mixer.stateWidth) / tp;
  const heads = mixer.numHeads / tp;
  return [
    tensor("linearMixer", 2 * inner + groups + heads, hiddenSize),
    tensor("state", inner + groups, mixer.convWidth),
    tensor("state", inner + groups, 1),
    ...[0, 1, 2].map(() => tensor("state", heads, 1, 1, 4)),
    tensor("norm", inner, 1),
    onSide("out", tensor("linearMixer", hiddenSize, inner)),
  ];
}

function feedForwardTensors(part: FeedForward, facts: ModelFacts, layout: RankLayout): RankTensor[] {
  const { hiddenSize, traits } = facts;
  if (part.kind === "none") return [];
  const tp = layout.tensorParallel;
  const fused = part.isGated ? 2 : 1;
  if (part.kind === "dense") {
    const width = part.width / tp;
    const biases = traits.feedForwardBias
      ? [tensor("bias", fused * width, 1), tensor("bias", hiddenSize, 1)]
      : [];
    return [
      tensor("denseFeedForward", fused * width, hiddenSize),
      onSide("out", tensor("denseFeedForward", hiddenSize, width)),
      ...biases,
    ];
  }
  const numLocal = part.numExperts / layout.expertParallel;
  const width = layout.expertParallel > 1 ? part.width : part.width / tp;
  const innerSize = part.innerSize ?? hiddenSize;
  const tensors = [
    tensor("router", part.numExperts, hiddenSize),
    tensor("experts", fused * width, innerSize, numLocal),
    tensor("expertsDown", innerSize, width, numLocal),
  ];
  if (part.innerSize !== undefined)
    tensors.push(
      tensor("sharedExpert", part.innerSize, hiddenSize),
      onSide("out", tensor("sharedExpert", hiddenSize, part.innerSize)),
    );
  if (part.denseWidth !== undefined)
    tensors.push(
      tensor("denseFeedForward", (fused * part.denseWidth) / tp, hiddenSize),
      onSide("out", tensor("denseFeedForward", hiddenSize, part.denseWidth / tp)),
    );
  if (part.hasRouterBias) tensors.push(tensor("router", part.numExperts, 1, 1, part.hasBias ? null : 4));
  if (part.hasBias)
    tensors.push(tensor("bias", fused * width, 1, numLocal), tensor("bias", hiddenSize, 1, numLocal));
  if (part.sharedWidth > 0) {
    const shared = part.sharedWidth / tp;
    tensors.push(
      tensor("sharedExpert", fused * shared, hiddenSize),
      onSide("out", tensor("sharedExpert", hiddenSize, shared)),
    );
  }
  if (part.hasSharedGate) tensors.push(tensor("router", 1, hiddenSize));
  return tensors;
}

/** The tensors of layer `index` on one rank, in the order they are made. */
function layerTensors(facts: ModelFacts, index: number, layout: RankLayout): RankTensor[] {
  const layer = facts.layers[index];
  if (layer === undefined) return [];
  const { mixer } = layer;
  const tp = layout.tensorParallel;
  const tensors: RankTensor[] = [];
  if (mixer.kind === "attention") tensors.push(...attentionTensors(mixer, facts, tp));
  if (mixer.kind === "latent") tensors.push(...latentTensors(mixer, facts, tp));
  if (mixer.kind === "linear") tensors.push(...linearTensors(mixer, facts.hiddenSize, tp));
  if (mixer.kind === "mamba2") tensors.push(...mambaTensors(mixer, facts.hiddenSize, tp));
  tensors.push(...feedForwardTensors(layer.feedForward, facts, layout));
  const { perLayerEmbedding } = facts;
  if (perLayerEmbedding !== undefined)
    tensors.push(
      tensor("router", perLayerEmbedding.width, facts.hiddenSize),
      tensor("router", facts.hiddenSize, perLayerEmbedding.width),
      tensor("norm", facts.hiddenSize, 1),
    );
  const numNorms = facts.traits.normsPerLayer * facts.traits.normTensors;
  for (let norm = 0; norm < numNorms; norm++) tensors.push(tensor("norm", facts.hiddenSize, 1));
  return tensors.map((part) => ({ ...part, layer: index }));
}

/** Layers of each pipeline stage: even, with what is left over given to the stages before the last (vLLM get_pp_indices). */
export function pipelineStages(numLayers: number, stages: number): readonly (readonly [number, number])[] {
  const sizes = Array<number>(stages).fill(Math.floor(numLayers / stages));
  for (let extra = 0; extra < numLayers % stages; extra++) {
    const stage = Math.max(0, stages - 2 - extra);
    sizes[stage] = (sizes[stage] ?? 0) + 1;
  }
  let start = 0;
  return sizes.map((size) => {
    const range = [start, start + size] as const;
    start += size;
    return range;
  });
}

/** All tensors of one rank of pipeline stage `stage`. */
export function rankTensors(facts: ModelFacts, layout: RankLayout, stage = 0): RankTensor[] {
  const { tensorParallel: tp, pipelineParallel: stages } = layout;
  const rows = vocabRowsOnRank(facts.vocabSize, tp);
  const isFirst = stage === 0;
  const isLast = stage === stages - 1;
  const tensors: RankTensor[] = [];
  if (isFirst || (isLast && facts.isTied)) tensors.push(tensor("embedding", rows, facts.hiddenSize));
  if (isFirst && facts.perLayerEmbedding !== undefined) {
    const width = facts.perLayerEmbedding.width * facts.layers.length;
    tensors.push(
      tensor("embedding", vocabRowsOnRank(facts.perLayerEmbedding.vocabSize, tp), width),
      tensor("router", width, facts.hiddenSize),
    );
  }
  if (isFirst && facts.traits.learnedPositions)
    tensors.push(tensor("positions", facts.maxPositions + 2, facts.hiddenSize));
  const [from, to] = pipelineStages(facts.layers.length, stages)[stage] ?? [0, 0];
  for (let index = from; index < to; index++) tensors.push(...layerTensors(facts, index, layout));
  if (isLast) {
    for (let norm = 0; norm < facts.traits.normTensors; norm++)
      tensors.push(tensor("norm", facts.hiddenSize, 1));
    if (!facts.isTied) tensors.push(tensor("head", rows, facts.hiddenSize));
    if (facts.traits.headBias) tensors.push(tensor("bias", rows, 1));
  }
  if (isFirst && facts.vision !== null) tensors.push(tensor("vision", facts.vision.numParameters / tp, 1));
  return tensors;
}

/** Parameters of the whole model, as published: no padding, no repeats. */
export const countParameters: (facts: ModelFacts) => number = memoPerModel(() => "parameters", sumParameters);

function sumParameters(facts: ModelFacts): number {
  const padding =
    (roundUp(facts.vocabSize, 64) - facts.vocabSize) * facts.hiddenSize * (facts.isTied ? 1 : 2);
  const all = rankTensors(facts, singleRank).reduce(
    (total, t) => total + t.numStacked * t.numRows * t.numCols,
    0,
  );
  return all - padding;
}

/**
 * Refuses a split that the engines refuse, in vLLM's words.
 * @throws PagodaError `plan_invalid` with the nearest size that divides.
 */
export function assertDivides(facts: ModelFacts, layout: RankLayout): void {
  const tp = layout.tensorParallel;
  for (const layer of facts.layers) {
    const { mixer, feedForward } = layer;
    if (mixer.kind === "none") continue;
    const numHeads = mixer.kind === "linear" ? mixer.numValueHeads : mixer.numHeads;
    if (numHeads % tp !== 0)
      throw new PagodaError(
        "plan_invalid",
        `Total number of attention heads (${numHeads}) must be divisible by tensor parallel size (${tp}).`,
        { param: "tensorParallel", hint: `Use tp ${divisorBelow(numHeads, tp)}.` },
      );
    if (mixer.kind === "attention" && mixer.numKvHeads % tp !== 0 && tp % mixer.numKvHeads !== 0)
      throw new PagodaError(
        "plan_invalid",
        `${mixer.numKvHeads} KV heads and tensor parallel size ${tp} do not divide each other.`,
        { param: "tensorParallel", hint: `Use tp ${divisorBelow(mixer.numKvHeads, tp)}.` },
      );
    if (feedForward.kind === "experts" && feedForward.numExperts % layout.expertParallel !== 0)
      throw new PagodaError(
        "plan_invalid",
        `${feedForward.numExperts} experts do not divide over ${layout.expertParallel} ranks.`,
        {
          param: "expertParallel",
          hint: `Use ${divisorBelow(feedForward.numExperts, layout.expertParallel)} ranks.`,
        },
      );
  }
  if (roundUp(facts.vocabSize, 64) % tp !== 0)
    throw new PagodaError("plan_invalid", `${roundUp(facts.vocabSize, 64)} is not divisible by ${tp}.`, {
      param: "tensorParallel",
      hint: `The padded vocabulary must divide: use tp ${divisorBelow(roundUp(facts.vocabSize, 64), tp)}.`,
    });
}

function divisorBelow(value: number, limit: number): number {
  for (let candidate = Math.min(limit, value); candidate > 1; candidate--)
    if (value % candidate === 0) return candidate;
  return 1;
}
