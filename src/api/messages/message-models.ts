/** @module GET /v1/models for clients of Anthropic's protocol, which send the header `anthropic-version`. */
import type { ModelList } from "../models.ts";

type Card = ModelList["data"][number];

export interface MessageModel {
  readonly type: "model";
  readonly id: string;
  readonly display_name: string;
  /** RFC 3339. */
  readonly created_at: string;
  readonly max_input_tokens: number | null;
}

export interface MessageModelPage {
  readonly data: readonly MessageModel[];
  readonly has_more: false;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

export function messageModel(card: Card): MessageModel {
  return {
    type: "model",
    id: card.id,
    display_name: card.root,
    created_at: new Date(card.created * 1000).toISOString(),
    max_input_tokens: card.max_model_len,
  };
}

/** All models are on one page. */
export function messageModelPage(list: ModelList): MessageModelPage {
  const data = list.data.map(messageModel);
  return { data, has_more: false, first_id: data.at(0)?.id ?? null, last_id: data.at(-1)?.id ?? null };
}
