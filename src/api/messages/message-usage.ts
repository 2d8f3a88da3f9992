/** @module How an answer of /v1/messages ended, and what it used. */
import type { GenerationEvent } from "../../core/generation.ts";
import type { UsageCounter } from "../usage.ts";

type Finished = Extract<GenerationEvent, { type: "finished" }>;

export interface MessageUsage {
  /** Tokens of the prompt that were computed: those from the cache are not among them. */
  readonly input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly output_tokens: number;
}

export function messageUsage(counter: UsageCounter): MessageUsage {
  const usage = counter.usage();
  const numCached = usage.prompt_tokens_details.cached_tokens;
  return {
    input_tokens: usage.prompt_tokens - numCached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: numCached,
    output_tokens: usage.completion_tokens,
  };
}

export interface MessageEnding {
  readonly stop_reason: "end_turn" | "max_tokens" | "stop_sequence" | "tool_use";
  readonly stop_sequence: string | null;
}

export function messageEnding({ reason, stopReason }: Finished, endsInCalls: boolean): MessageEnding {
  if (reason === "length") return { stop_reason: "max_tokens", stop_sequence: null };
  if (endsInCalls) return { stop_reason: "tool_use", stop_sequence: null };
  if (typeof stopReason === "string") return { stop_reason: "stop_sequence", stop_sequence: stopReason };
  return { stop_reason: "end_turn", stop_sequence: null };
}
