/** @module The widest moment of a forward pass in an engine that frees what it has read: 16-bit numbers a token, on one rank. */
import type { FeedForward, Mixer, ModelFacts } from "../facts.ts";
import { kvHeadsOnRank } from "./rank-tensors.ts";

function attentionWidth(mixer: Mixer, tp: number): number {
  if (mixer.kind === "attention")
    return (mixer.numHeads / tp + 2 * kvHeadsOnRank(mixer.numKvHeads, tp)) * mixer.headDim;
  if (mixer.kind === "latent") {
    const perHead = 2 * (mixer.nopeHeadDim + mixer.ropeHeadDim) + mixer.valueHeadDim;
    return (mixer.numHeads / tp) * perHead + mixer.kvRank + mixer.ropeHeadDim + (mixer.queryRank ?? 0);
  }
  if (mixer.kind === "linear")
    return (4 * mixer.numKeyHeads * mixer.keyHeadDim + 3 * mixer.numValueHeads * mixer.valueHeadDim) / tp;
  return mixer.kind === "mamba2" ? (4 * mixer.numHeads * mixer.headDim) / tp : 0;
}

/** Experts work on a copy of each token per active expert: gate and up share a buffer with the output, plus the product. */
function feedForwardWidth(part: FeedForward, hiddenSize: number, tp: number): number {
  if (part.kind === "none") return 0;
  if (part.kind === "dense") return ((part.isGated ? 3 : 2) * part.width) / tp;
  const width = part.width / tp;
  return part.numActive * (Math.max(2 * width, hiddenSize) + width) + (3 * part.sharedWidth) / tp;
}

/** Peak bytes of one forward pass over `numTokens` tokens on one rank. */
export function forwardPeakBytes(model: ModelFacts, tp: number, numTokens: number): number {
  let widest = 0;
  for (const { mixer, feedForward } of model.layers)
    widest = Math.max(
      widest,
      feedForwardWidth(feedForward, model.hiddenSize, tp) + attentionWidth(mixer, tp),
    );
  return 2 * numTokens * (widest + 2 * model.hiddenSize);
}
