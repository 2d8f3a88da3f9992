/**
 * @module The A and B matrices of a LoRA adapter over every matrix of a model, as numbers for one unit of rank.
 *
 *   column split   A  slices × in        B  out ÷ tp      (fully sharded: A ÷ tp)
 *   row split      A  in ÷ tp            B  out           (fully sharded: B ÷ tp)
 */
import type { FeedForward, Mixer, ModelFacts } from "../facts.ts";
import { kvHeadsOnRank, pipelineStages, type RankLayout } from "./rank-tensors.ts";

/** Numbers of one A or B for one unit of rank; each is a tensor of its own. */
export type Widths = readonly number[];

interface Split {
  readonly ranks: number;
  readonly sharded: number;
}

const column = (slices: readonly number[], inputs: number, { sharded }: Split): Widths =>
  slices.flatMap((outputs) => [inputs / sharded, outputs]);
const row = (inputs: number, outputs: number, { sharded }: Split): Widths => [inputs, outputs / sharded];

function mixerWidths(mixer: Mixer, hidden: number, split: Split): Widths {
  const { ranks } = split;
  if (mixer.kind === "attention") {
    const queries = (mixer.numHeads / ranks) * mixer.headDim * (mixer.hasOutputGate ? 2 : 1);
    const kvHeads = kvHeadsOnRank(mixer.numKvHeads, ranks);
    const slices = [queries, kvHeads * mixer.headDim, kvHeads * mixer.valueHeadDim];
    const outputs = (mixer.numHeads / ranks) * mixer.valueHeadDim;
    return [...column(slices, hidden, split), ...row(outputs, hidden, split)];
  }
  if (mixer.kind === "latent") {
    const heads = mixer.numHeads / ranks;
    const queries = heads * (mixer.nopeHeadDim + mixer.ropeHeadDim);
    const latent = mixer.kvRank + mixer.ropeHeadDim;
    const fused = mixer.queryRank === null ? [queries, latent] : [mixer.queryRank, latent];
    const second = mixer.queryRank === null ? [] : column([queries], mixer.queryRank, split);
    const expansion = column([heads * (mixer.nopeHeadDim + mixer.valueHeadDim)], mixer.kvRank, split);
    return [
      ...column(fused, hidden, split),
      ...second,
      ...expansion,
      ...row(heads * mixer.valueHeadDim, hidden, split),
    ];
  }
  if (mixer.kind === "none") return [];
  const inner =
    mixer.kind === "linear" ? mixer.numValueHeads * mixer.valueHeadDim : mixer.numHeads * mixer.headDim;
  const extra =
    mixer.kind === "linear"
      ? 2 * mixer.numKeyHeads * mixer.keyHeadDim
      : 2 * mixer.numGroups * mixer.stateWidth;
  return [...column([(2 * inner + extra) / ranks], hidden, split), ...row(inner / ranks, hidden, split)];
}

function denseWidths(width: number, isGated: boolean, hidden: number, split: Split): Widths {
  const local = width / split.ranks;
  const slices = isGated ? [local, local] : [local];
  return [...column(slices, hidden, split), ...row(local, hidden, split)];
}

function feedForwardWidths(part: FeedForward, hidden: number, split: Split, expertRanks: number): Widths {
  if (part.kind === "none") return [];
  if (part.kind === "dense") return denseWidths(part.width, part.isGated, hidden, split);
  const numLocal = part.numExperts / expertRanks;
  const local: Split = expertRanks > 1 ? { ranks: 1, sharded: 1 } : split;
  const experts = denseWidths(part.width, part.isGated, hidden, local).map((width) => numLocal * width);
  const shared = part.sharedWidth === 0 ? [] : denseWidths(part.sharedWidth, part.isGated, hidden, split);
  return [...experts, ...shared, hidden, part.numExperts];
}

/** Widths of every A and B on one rank of pipeline stage `stage`; embedding and head are not among them. */
export function adapterWidths(
  model: ModelFacts,
  layout: RankLayout,
  stage: number,
  isFullySharded: boolean,
): Widths {
  const { tensorParallel: ranks, expertParallel, pipelineParallel } = layout;
  const split: Split = { ranks, sharded: isFullySharded ? ranks : 1 };
  const [from, to] = pipelineStages(model.layers.length, pipelineParallel)[stage] ?? [0, 0];
  return model.layers
    .slice(from, to)
    .flatMap(({ mixer, feedForward }) => [
      ...mixerWidths(mixer, model.hiddenSize, split),
      ...feedForwardWidths(feedForward, model.hiddenSize, split, expertParallel),
    ]);
}
