/** @module The objects of /v1/responses on the wire. */
import type { GenerationEvent } from "../../core/generation.ts";
import type { AnswerSyntax } from "../answer/answer-reader.ts";
import type { AnswerIdentity, TokenText } from "../exchange.ts";
import { joined, logprobEntriesPieces } from "../logprobs.ts";
import type { UsageCounter } from "../usage.ts";
import type { ItemStatus, OutputItem } from "./response-items.ts";

/** What a response says of the request that it answers, and what its client wants to see. */
export interface ResponseAnswer {
  readonly identity: AnswerIdentity;
  /** null: the answer is all text. */
  readonly syntax: AnswerSyntax | null;
  readonly showsLogprobs: boolean;
  readonly showsReasoning: boolean;
  /** Fields of the request that the response repeats, under their names. */
  readonly request: Readonly<Record<string, unknown>>;
}

type Finished = Extract<GenerationEvent, { type: "finished" }>;

export interface ResponseState {
  readonly status: "in_progress" | "completed" | "incomplete" | "failed";
  readonly output: readonly object[];
  readonly usage: object | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** The whole object but for `output`, which is part of the state. */
export function responseWire({ identity, request }: ResponseAnswer, state: ResponseState): object {
  return {
    id: identity.answerId,
    object: "response",
    created_at: identity.createdUnixSeconds,
    status: state.status,
    background: false,
    error: state.error,
    incomplete_details: state.status === "incomplete" ? { reason: "max_output_tokens" } : null,
    model: identity.modelName,
    output: state.output,
    previous_response_id: null,
    service_tier: "default",
    store: false,
    truncation: "disabled",
    ...request,
    usage: state.usage,
  };
}

export function statusOf({ reason }: Finished): "completed" | "incomplete" {
  return reason === "length" ? "incomplete" : "completed";
}

export function responseUsage(counter: UsageCounter): object {
  const usage = counter.usage();
  return {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: usage.prompt_tokens_details,
    output_tokens: usage.completion_tokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: usage.total_tokens,
  };
}

/** The part of a message or of reasoning that holds its text. */
export function contentPart(
  { kind, text, positions }: Pick<OutputItem, "kind" | "text" | "positions">,
  answer: ResponseAnswer,
  tokens: TokenText,
): object {
  if (kind === "reasoning") return { type: "reasoning_text", text };
  return { type: "output_text", text, annotations: [], logprobs: wireLogprobs(positions, answer, tokens) };
}

/** Objects, because they are written twice in a stream: with the delta and with the whole text. */
export function wireLogprobs(
  positions: OutputItem["positions"],
  { showsLogprobs }: ResponseAnswer,
  tokens: TokenText,
): unknown {
  return showsLogprobs
    ? JSON.parse(joined(logprobEntriesPieces({ tokens, asTokenIds: false }, positions)))
    : [];
}

export function itemWire(
  item: OutputItem,
  status: ItemStatus,
  answer: ResponseAnswer,
  tokens: TokenText,
): object {
  const { kind, itemId: id, text, callId, name } = item;
  if (kind === "call") return { id, type: "function_call", status, call_id: callId, name, arguments: text };
  // An item that has just begun has no part yet.
  const content = status === "in_progress" ? [] : [contentPart(item, answer, tokens)];
  if (kind === "reasoning") return { id, type: "reasoning", status, summary: [], content };
  return { id, type: "message", status, role: "assistant", content };
}
