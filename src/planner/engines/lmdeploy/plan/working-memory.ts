/** @module What LMDeploy holds beside weights and KV: context, workspace, persistent buffers, activations (lmdeploy-memory.md §4). */

import { dtypeBytes, type ModelFacts } from "../../../model/facts.ts";
import { memoPerModel } from "../../../model/memo.ts";
import { type RankLayout, rankTensors } from "../../../model/weights/rank-tensors.ts";
import { rankWeights } from "../../../model/weights/rank-weights.ts";
import { fusedFormatBytes } from "../../../model/weights/weight-formats.ts";
import { ceilDiv, gib, mib } from "../../../quantity/bytes.ts";
import { estimated, exact, type Quantity } from "../../../quantity/quantity.ts";
import type { LmdeploySettings } from "../settings/settings.ts";
import { localKvHeads } from "./kv-block.ts";

export const contextQuantity = estimated(
  0.3 * gib,
  450 * mib,
  0.75 * gib,
  "CUDA context, library modules and, with tp, NCCL",
);
/** Barriers, partials and tensor maps of TurboMind's GEMM: 1 + 32 + 32 MiB. */
export const gemmWorkspace = exact(65 * mib, "GEMM workspace");

function layoutOf(settings: LmdeploySettings): RankLayout {
  return {
    tensorParallel: settings.tensorParallel,
    expertParallel: settings.expertParallel,
    pipelineParallel: 1,
  };
}

/** Weights of one rank. TurboMind stores tied embeddings twice and fuses scale and zero. */
export function lmdeployWeights(
  model: ModelFacts,
  settings: LmdeploySettings,
  computeCapability: number,
): Quantity {
  const layout = layoutOf(settings);
  if (settings.rule === "pytorch") return rankWeights(model, layout, 0, "none");
  return turbomindWeights(model, layout, computeCapability);
}

const turbomindWeights = memoPerModel(
  (layout: RankLayout, computeCapability: number) =>
    `turbomind ${layout.tensorParallel} ${layout.expertParallel} ${computeCapability}`,
  countTurbomindWeights,
);

function countTurbomindWeights(model: ModelFacts, layout: RankLayout, computeCapability: number): Quantity {
  const half: ModelFacts = { ...model, dtype: model.dtype === "float32" ? "float16" : model.dtype };
  const tensors = rankTensors(half, layout);
  let bytes = tensors.reduce((total, tensor) => total + fusedFormatBytes(tensor, half, computeCapability), 0);
  if (model.isTied) bytes += ceilDiv(model.vocabSize, layout.tensorParallel) * model.hiddenSize * 2;
  if (model.vision === null) return exact(bytes, "tensor shapes in TurboMind's formats");
  const doubt = model.vision.numParameters;
  return estimated(
    bytes - doubt,
    bytes,
    bytes + doubt,
    "tensor shapes; the vision tower is not fully stated",
  );
}

interface Widths {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly feedForward: number;
}

/** The widest layer of a rank. */
function widthsOf(model: ModelFacts, ranks: number): Widths {
  let widths: Widths = { heads: 0, kvHeads: 0, headDim: 0, feedForward: 0 };
  for (const { mixer, feedForward } of model.layers) {
    const inner =
      feedForward.kind === "dense"
        ? feedForward.width / ranks
        : feedForward.kind === "experts"
          ? (feedForward.numActive * feedForward.width + feedForward.sharedWidth) / ranks
          : 0;
    const heads = mixer.kind === "attention" || mixer.kind === "latent" ? mixer.numHeads / ranks : 0;
    const kvHeads =
      mixer.kind === "attention" ? localKvHeads(mixer.numKvHeads, ranks) : mixer.kind === "latent" ? 1 : 0;
    const headDim =
      mixer.kind === "attention"
        ? mixer.headDim
        : mixer.kind === "latent"
          ? mixer.kvRank + mixer.ropeHeadDim
          : 0;
    widths = {
      heads: Math.max(widths.heads, heads),
      kvHeads: Math.max(widths.kvHeads, kvHeads),
      headDim: Math.max(widths.headDim, headDim),
      feedForward: Math.max(widths.feedForward, inner),
    };
  }
  return widths;
}

/** TurboMind's buffers that stay: split-K attention, token ids, block pointers, communication, log-probabilities. */
export function persistentBuffers(model: ModelFacts, settings: LmdeploySettings): Quantity {
  const { heads, headDim } = widthsOf(model, settings.tensorParallel);
  const { maxBatchSize, sessionLen, blockSize, numPhases, contextParallel: cp, tensorParallel } = settings;
  const splits = 4096 + (cp > 1 ? settings.maxForwardTokens : 0);
  const attention = splits * heads * headDim * 4 + splits * heads * 2 * 4 * cp + 4 * splits;
  const tokenIds = 4 * maxBatchSize.value * sessionLen.value;
  const pointers = 8 * (maxBatchSize.value * ceilDiv(sessionLen.value, blockSize.value) + 16) * numPhases;
  const communication =
    tensorParallel === 1
      ? 0
      : Math.max(settings.maxForwardTokens * model.hiddenSize * 2, maxBatchSize.value * model.vocabSize * 2);
  const logprobs = 2 * 4 * 1024 * maxBatchSize.value * numPhases;
  const bytes = attention + tokenIds + pointers + communication + logprobs;
  return estimated(
    bytes * 0.9,
    bytes,
    bytes * 1.15 + 32 * mib,
    "split-K attention, token ids, pointers, communication, log-probabilities",
  );
}

/** TurboMind's peak activations over `numTokens` tokens: three residual copies, the wider of attention and MLP, logits. */
export function turbomindActivations(
  model: ModelFacts,
  settings: LmdeploySettings,
  numTokens: number,
): Quantity {
  const { heads, kvHeads, headDim, feedForward } = widthsOf(model, settings.tensorParallel);
  const context = Math.max(settings.sessionLen.value, settings.maxBatchSize.value);
  const attention =
    numTokens * (heads + 2 * kvHeads) * headDim * 2 +
    numTokens * heads * headDim * 2 +
    2 * kvHeads * (context + 64) * headDim * 2;
  const mlp = numTokens * 2 * feedForward * 2;
  const logits = settings.maxBatchSize.value * model.vocabSize * 10;
  const bytes = 3 * numTokens * model.hiddenSize * 2 + Math.max(attention, mlp) + logits;
  const upper = Math.max(bytes * 1.2, numTokens * (9 * model.hiddenSize + 2 * feedForward) * 2);
  return estimated(bytes * 0.75, bytes, upper, `activations of ${numTokens} tokens`);
}

/** The PyTorch engine's own runtime estimate: logits of a prefill batch and two decode batches. */
export function pytorchRuntimeBytes(
  settings: LmdeploySettings,
  vocabSize: number,
  maxPrefill: number,
): number {
  if (settings.minor < 10) return Math.trunc(maxPrefill * vocabSize * 7);
  return Math.trunc((maxPrefill + 2 * settings.maxBatchSize.value) * vocabSize * 2);
}

/** What the PyTorch engine really needs at its peak beside what it sets aside. */
export function pytorchActivations(model: ModelFacts, settings: LmdeploySettings): Quantity {
  const { heads, kvHeads, headDim, feedForward } = widthsOf(model, settings.tensorParallel);
  const tokens = settings.maxPrefillTokens.value;
  const forward = 2 * tokens * (3 * feedForward + 3 * model.hiddenSize + (heads + 2 * kvHeads) * headDim);
  const logits = settings.maxBatchSize.value * model.vocabSize * 10;
  const graphs = settings.isEager ? 0 : 0.012 * gib * model.layers.length;
  const bytes = Math.max(forward, logits * dtypeBytes(model.dtype) * 0.5) + graphs;
  return estimated(bytes * 0.7, bytes, bytes * 1.5, "activations of a prefill batch, and decode graphs");
}
