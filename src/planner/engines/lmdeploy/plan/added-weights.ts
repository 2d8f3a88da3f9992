/**
 * @module What adapters and drafting add to a start of LMDeploy's PyTorch engine (lmdeploy-memory.md §2.2: "the draft
 * model's block bytes are added"). TurboMind has neither.
 */
import { PagodaError } from "../../../../core/errors.ts";
import { lookUpModel } from "../../../model/catalogue.ts";
import { type DependentDraft, eagleHead, predictionLayers } from "../../../model/draft-model.ts";
import { dtypeBytes, type ModelFacts } from "../../../model/facts.ts";
import { adapterWidths } from "../../../model/weights/adapter-widths.ts";
import type { RankLayout } from "../../../model/weights/rank-tensors.ts";
import { rankWeights } from "../../../model/weights/rank-weights.ts";
import type { PlanRequest } from "../../../plan/plan.ts";
import { estimated, type Quantity } from "../../../quantity/quantity.ts";
import { nearest } from "../../../words/nearest.ts";
import type { LmdeploySettings } from "../settings/settings.ts";

export interface LmdeployDraft {
  /** Its layers are part of every block. */
  readonly facts: ModelFacts;
  readonly weights: Quantity;
}

const single: RankLayout = { tensorParallel: 1, expertParallel: 1, pipelineParallel: 1 };
const algorithms: readonly string[] = ["eagle", "eagle3", "deepseek_mtp", "hy3_mtp", "qwen3_5_mtp"];

/** Ranks that adapters are usually trained with: the expected one and the largest common one. */
const adapterRanks = { expected: 16, high: 64 } as const;

/** Adapters are loaded as they are stored; their ranks stand in files that were not read. Null: none named. */
export function adapterBytes(model: ModelFacts, settings: LmdeploySettings): Quantity | null {
  const text = settings.flags.words("adapters")?.join(" ") ?? null;
  if (text === null || settings.rule !== "pytorch") return null;
  const numAdapters = text.split(/[\s,]+/).filter((word) => word !== "").length;
  const layout = {
    tensorParallel: settings.tensorParallel,
    expertParallel: settings.expertParallel,
    pipelineParallel: 1,
  };
  const widths = adapterWidths(model, layout, 0, false).reduce((total, width) => total + width, 0);
  const unit = numAdapters * widths * dtypeBytes(model.dtype);
  return estimated(
    0,
    unit * adapterRanks.expected,
    unit * adapterRanks.high,
    `${numAdapters} LoRA adapter(s): rank ${adapterRanks.expected} over every matrix taken, their files were not read`,
  );
}

function dependent({ facts, joiningBytes, headBytes }: DependentDraft, why: string): LmdeployDraft {
  const layers =
    rankWeights(facts, single).expectedBytes - rankWeights({ ...facts, layers: [] }, single).expectedBytes;
  const bytes = layers + joiningBytes + headBytes;
  return { facts, weights: estimated(bytes * 0.6, bytes, bytes * 1.4, why) };
}

function wholeDraft(facts: ModelFacts): LmdeployDraft {
  const bytes = rankWeights(facts, single).expectedBytes;
  return { facts, weights: estimated(bytes * 0.98, bytes, bytes * 1.02, `draft model ${facts.name}`) };
}

/**
 * The draft of a start; null without one. It runs on one rank, the first of each group, which therefore sets the number of
 * blocks for all.
 * @throws PagodaError `plan_invalid` for an algorithm that LMDeploy does not have.
 */
export function lmdeployDraft(request: PlanRequest, settings: LmdeploySettings): LmdeployDraft | null {
  const algorithm = settings.flags.text("speculative-algorithm");
  if (algorithm === null) return null;
  if (!algorithms.includes(algorithm))
    throw new PagodaError("plan_invalid", `LMDeploy has no speculative algorithm "${algorithm}".`, {
      param: "speculative-algorithm",
      hint: `The nearest is ${nearest(algorithm, algorithms)}.`,
    });
  if (settings.rule !== "pytorch") return null;
  const name = settings.flags.text("speculative-draft-model");
  const facts = request.draftModel ?? (name === null ? null : lookUpModel(name));
  if (facts !== null) return wholeDraft(facts);
  const { model } = request;
  if (algorithm === "eagle" || algorithm === "eagle3")
    return dependent(
      eagleHead(model, algorithm === "eagle3"),
      `${algorithm} head shaped after the target; its own configuration was not read`,
    );
  return dependent(
    predictionLayers(model, Math.max(1, model.numDraftLayers)),
    "prediction layers shaped like the target's last; embedding and head are shared",
  );
}
