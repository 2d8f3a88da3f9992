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
}

export interface ModelList {
  readonly object: "list";
  readonly data: readonly ModelCard[];
}

export function modelCard(model: ServedModel): ModelCard {
  return {
    id: model.modelId,
    object: "model",
    created: model.createdUnixSeconds,
    owned_by: "pagoda",
    root: model.root,
    parent: null,
    max_model_len: model.maxModelLen,
  };
}

export function modelList(model: ServedModel): ModelList {
  return { object: "list", data: [modelCard(model)] };
}
