/** @module GET /v1/models and GET /v1/models/:id. */
import type { ServedModel } from "../core/generation.ts";

interface ModelCard {
  readonly id: string;
  readonly object: "model";
  readonly created: number;
  readonly owned_by: "pagoda";
  readonly root: string;
  readonly parent: null;
  readonly max_model_len: number;
  /** What a request is sampled with that states none of temperature, top_p, top_k and min_p. */
  readonly default_sampling: DefaultSampling;
}

interface DefaultSampling {
  readonly temperature: number;
  readonly top_p: number;
  readonly top_k: number;
  readonly min_p: number;
  readonly repetition_penalty: number;
  /** null: what the context allows. */
  readonly max_tokens: number | null;
  /** Where they come from. */
  readonly origin: string;
}

export interface ModelList {
  readonly object: "list";
  readonly data: readonly ModelCard[];
}

export function modelCard(model: ServedModel): ModelCard {
  const sampling = model.defaultSampling;
  return {
    id: model.modelId,
    object: "model",
    created: model.createdUnixSeconds,
    owned_by: "pagoda",
    root: model.root,
    parent: null,
    max_model_len: model.maxModelLen,
    default_sampling: {
      temperature: sampling.temperature,
      top_p: sampling.topP,
      top_k: sampling.topK,
      min_p: sampling.minP,
      repetition_penalty: sampling.repetitionPenalty,
      max_tokens: sampling.maxTokens,
      origin: model.samplingOrigin,
    },
  };
}

export function modelList(model: ServedModel): ModelList {
  return { object: "list", data: [modelCard(model)] };
}
