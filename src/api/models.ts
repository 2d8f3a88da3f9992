/** @module GET /v1/models and GET /v1/models/:id. */
import type { EndpointModel, ModelState } from "../core/endpoint.ts";
import type { ServedModel } from "../core/generation.ts";

/** A served model as the list shows it. */
export interface ListedModel {
  readonly names: readonly string[];
  readonly state: ModelState;
  /** null while nothing is known of it. */
  readonly model: ServedModel | EndpointModel | null;
}

interface ModelCard {
  readonly id: string;
  readonly object: "model";
  readonly created: number;
  readonly owned_by: "pagoda";
  /** The model's own name, which may differ from the served one. */
  readonly root: string;
  readonly parent: null;
  readonly max_model_len: number | null;
  readonly state: ModelState;
  /** Sampling of a request that states none of temperature, top_p, top_k and min_p; null where another process decides. */
  readonly default_sampling: DefaultSampling | null;
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

export function modelCard(name: string, { model, state }: ListedModel): ModelCard {
  const own = model !== null && "root" in model ? model : null;
  return {
    id: name,
    object: "model",
    created: model?.createdUnixSeconds ?? 0,
    owned_by: "pagoda",
    root: own?.root ?? model?.modelId ?? name,
    parent: null,
    max_model_len: model?.maxModelLen ?? null,
    state,
    default_sampling: own === null ? null : defaultSampling(own),
  };
}

function defaultSampling({ defaultSampling: sampling, samplingOrigin }: ServedModel): DefaultSampling {
  return {
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    min_p: sampling.minP,
    repetition_penalty: sampling.repetitionPenalty,
    max_tokens: sampling.maxTokens,
    origin: samplingOrigin,
  };
}

/** A card for each name; a name that several models have is listed once. */
export function modelList(models: readonly ListedModel[]): ModelList {
  const cards = new Map<string, ModelCard>();
  for (const listed of models)
    for (const name of listed.names) if (!cards.has(name)) cards.set(name, modelCard(name, listed));
  return { object: "list", data: [...cards.values()] };
}
