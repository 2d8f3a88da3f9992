/**
 * @module What drafting adds to a rank: the draft's weights and its own layers in the KV pool (vllm-memory.md §1.4: "draft-
 * model KV layers are extra entries of the KV spec").
 *
 *   lookup (n-gram, suffix)   nothing
 *   a draft model             its weights, embedding and head included; every layer of it caches
 *   an EAGLE head             one layer, its joining matrix, for EAGLE-3 a head; one layer caches
 *   prediction layers         the layers that the checkpoint carries; each caches
 *
 * The draft lives on the last pipeline stage.
 */
import { PagodaError } from "../../../../core/errors.ts";
import { lookUpModel } from "../../../model/catalogue.ts";
import { type DependentDraft, eagleHead, predictionLayers } from "../../../model/draft-model.ts";
import { dtypeBytes, type ModelFacts } from "../../../model/facts.ts";
import { assertDivides, type RankLayout } from "../../../model/weights/rank-tensors.ts";
import { rankWeights } from "../../../model/weights/rank-weights.ts";
import type { PlanRequest } from "../../../plan/plan.ts";
import { estimated, type Quantity } from "../../../quantity/quantity.ts";
import type { VllmSettings } from "../settings/settings.ts";
import type { Speculation } from "../settings/speculation.ts";

export interface Draft {
  /** Its layers cache KV beside those of the target. */
  readonly facts: ModelFacts;
  readonly tensorParallel: number;
  readonly weights: Quantity;
}

function layoutOf(tensorParallel: number): RankLayout {
  return { tensorParallel, pipelineParallel: 1, expertParallel: 1 };
}

function draftRanks({ tensorParallel }: Speculation, settings: VllmSettings): number {
  const ranks = tensorParallel ?? settings.tensorParallel;
  if (ranks === 1 || ranks === settings.tensorParallel) return ranks;
  throw new PagodaError(
    "plan_invalid",
    `draft_tensor_parallel_size is ${ranks}; the target runs on ${settings.tensorParallel} ranks.`,
    {
      param: "speculative-config",
      hint: `vLLM takes 1 or ${settings.tensorParallel} here.`,
    },
  );
}

/** Input buffers of the proposer: embeddings and hidden states of one batch. */
function proposerBytes(facts: ModelFacts, settings: VllmSettings): number {
  return 2 * settings.maxBatchedTokens.value * facts.hiddenSize * dtypeBytes(facts.dtype);
}

function wholeModel(name: string, request: PlanRequest, settings: VllmSettings, ranks: number): Draft {
  const facts = request.draftModel ?? lookUpModel(name);
  if (facts === null)
    throw new PagodaError("model_not_found", `The draft model "${name}" is not in the planner's catalogue.`, {
      param: "speculative-config",
      hint: "Name a model of the catalogue, a folder, a config.json or a hub id.",
    });
  const layout = layoutOf(ranks);
  assertDivides(facts, layout);
  const bytes = rankWeights(facts, layout).expectedBytes;
  const buffers = proposerBytes(facts, settings);
  const why = `draft model ${facts.name}: tensor shapes, and input buffers that another release may size otherwise`;
  return {
    facts,
    tensorParallel: ranks,
    weights: estimated(bytes, bytes + buffers, bytes + 2 * buffers, why),
  };
}

/** Bytes of the draft's layers alone: with them less without them. */
function layerBytes(facts: ModelFacts, layout: RankLayout): number {
  const whole = rankWeights(facts, layout).expectedBytes;
  return whole - rankWeights({ ...facts, layers: [] }, layout).expectedBytes;
}

function dependentDraft(
  draft: DependentDraft,
  settings: VllmSettings,
  ranks: number,
  doubt: number,
  why: string,
): Draft {
  const { facts, joiningBytes, headBytes } = draft;
  const bytes = layerBytes(facts, layoutOf(ranks)) + joiningBytes + headBytes / ranks;
  const buffers = proposerBytes(facts, settings);
  return {
    facts,
    tensorParallel: ranks,
    weights: estimated(bytes * (1 - doubt), bytes + buffers, bytes * (1 + doubt) + 2 * buffers, why),
  };
}

/**
 * The draft of a start; null where drafting needs no weights, or where it is not counted.
 * @throws PagodaError `model_not_found` for an unknown draft model, `plan_invalid` for ranks that vLLM refuses.
 */
export function draftOf(request: PlanRequest, settings: VllmSettings): Draft | null {
  const { speculation } = settings;
  if (speculation === null) return null;
  const { kind, model } = speculation;
  if (kind === "lookup" || kind === "uncounted") return null;
  const ranks = draftRanks(speculation, settings);
  const target = request.model;
  if (kind === "model") return wholeModel(model ?? "", request, settings, ranks);
  if (kind === "prediction")
    return dependentDraft(
      predictionLayers(target, Math.max(1, target.numDraftLayers)),
      settings,
      ranks,
      0.1,
      "prediction layers shaped like the target's last; embedding and head are shared",
    );
  return dependentDraft(
    eagleHead(target, kind === "eagle3"),
    settings,
    ranks,
    0.4,
    `${speculation.method} head shaped after the target; its own configuration was not read`,
  );
}
