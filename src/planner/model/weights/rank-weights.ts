/** @module Weight bytes of one rank as vLLM's log prints them ("Model loading took … GiB"). */

import { roundUp } from "../../quantity/bytes.ts";
import { allocatedBytes } from "../../quantity/caching-allocator.ts";
import { estimated, exact, measured, type Quantity } from "../../quantity/quantity.ts";
import { dtypeBytes, type LatentMixer, type ModelFacts } from "../facts.ts";
import { memoPerModel } from "../memo.ts";
import { type RankLayout, rankTensors, singleRank } from "./rank-tensors.ts";
import { type ExpertPadding, formatOf, loadedAllocations } from "./weight-formats.ts";

/** Rotary tables: positions × rotated width × dtype, one per distinct setting (vllm rotary_embedding). */
function rotaryTables(facts: ModelFacts): number[] {
  const mixer = facts.layers.find(
    (layer) => layer.mixer.kind === "attention" || layer.mixer.kind === "latent",
  )?.mixer;
  if (mixer === undefined || facts.numRotaryTables === 0) return [];
  const width =
    mixer.kind === "latent"
      ? mixer.ropeHeadDim * 2
      : mixer.kind === "attention"
        ? mixer.headDim * facts.traits.rotaryShare
        : 0;
  return Array<number>(facts.numRotaryTables).fill(facts.maxPositions * width * dtypeBytes(facts.dtype));
}

/** 16-bit W_UK and W_UV that latent attention keeps beside a quantized kv_b projection. */
function absorbedCopies(facts: ModelFacts, tensorParallel: number): number[] {
  const sizes: number[] = [];
  for (const { mixer } of facts.layers)
    if (mixer.kind === "latent") sizes.push(...copiesOf(mixer, tensorParallel));
  return sizes;
}

function copiesOf(mixer: LatentMixer, tp: number): number[] {
  const heads = mixer.numHeads / tp;
  return [heads * mixer.kvRank * mixer.nopeHeadDim * 2, heads * mixer.kvRank * mixer.valueHeadDim * 2];
}

/** Formats whose final size our tables do not pin down to the byte. */
function spread(facts: ModelFacts): number {
  const method = facts.quantization?.method;
  const fieldsAlone = facts.isFromFieldsAlone === true ? 0.08 : 0;
  if (method === undefined) return fieldsAlone;
  return Math.max(fieldsAlone, formatSpread(method));
}

function formatSpread(method: NonNullable<ModelFacts["quantization"]>["method"]): number {
  return method === "aqlm" || method === "other" || method === "gguf"
    ? 0.05
    : method === "bitsandbytes"
      ? 0.02
      : 0;
}

/**
 * Weight bytes of one rank of stage `stage`, allocator rounding and rotary tables included.
 * @param padding how the kernel that runs MXFP4 experts wants them padded.
 */
export const rankWeights: (
  facts: ModelFacts,
  layout: RankLayout,
  stage?: number,
  padding?: ExpertPadding,
) => Quantity = memoPerModel(
  (layout: RankLayout, stage = 0, padding: ExpertPadding = "marlin") =>
    `${layout.tensorParallel} ${layout.expertParallel} ${layout.pipelineParallel} ${stage} ${padding}`,
  countRankWeights,
);

function countRankWeights(
  facts: ModelFacts,
  layout: RankLayout,
  stage = 0,
  padding: ExpertPadding = "marlin",
): Quantity {
  const tensors = rankTensors(facts, layout, stage);
  const sizes = tensors.flatMap((tensor) => loadedAllocations(tensor, facts, padding));
  const quantizesAttention = tensors.some(
    (t) => t.role === "attention" && formatOf(t, facts.quantization) !== null,
  );
  const total = allocatedBytes([
    ...sizes,
    ...rotaryTables(facts),
    ...(quantizesAttention ? absorbedCopies(facts, layout.tensorParallel) : []),
  ]);
  const share = spread(facts);
  const towerBytes =
    facts.vision?.isAssumed === true ? (facts.vision.numParameters * 2) / layout.tensorParallel : 0;
  if (share === 0 && towerBytes === 0)
    return exact(total, "tensor shapes of the configuration, allocator rounding");
  const doubt = total * share + towerBytes * 0.5;
  return estimated(
    total - doubt,
    total,
    total + doubt,
    "tensor shapes; the format or the vision tower is not fully stated",
  );
}

/** Bytes of the checkpoint's own tensors by formula: no padding, no rounding, no engine's additions. */
const formulaBytes = memoPerModel(
  () => "formula",
  (facts: ModelFacts) => {
    const padded = rankTensors(facts, singleRank);
    const bytes = padded.reduce(
      (total, tensor) =>
        total + loadedAllocations(tensor, facts, "none").reduce((sum, size) => sum + size, 0),
      0,
    );
    const padding =
      (roundUp(facts.vocabSize, 64) - facts.vocabSize) * facts.hiddenSize * dtypeBytes(facts.dtype);
    return bytes - padding * (facts.isTied ? 1 : 2);
  },
);

/**
 * Weights corrected by what the headers of the checkpoint state: engines keep the stored formats, so a rank's bytes scale
 * with them. A file that agrees with the formula within 0.5 % changes nothing but rounding.
 */
export function withStoredBytes(
  weights: Quantity,
  facts: ModelFacts,
  storedBytes: number | undefined,
): Quantity {
  if (storedBytes === undefined) return weights;
  const scale = storedBytes / formulaBytes(facts);
  if (Math.abs(scale - 1) < 0.005) return weights;
  return {
    ...measured(
      weights.expectedBytes * scale,
      "stored tensors of the checkpoint's headers, shared out by the formula",
    ),
    lowBytes: weights.expectedBytes * scale * 0.99,
    highBytes: weights.expectedBytes * scale * 1.01,
  };
}
