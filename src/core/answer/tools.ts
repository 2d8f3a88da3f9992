/** @module Functions that a model may call, and the ways in which model families write calls and reasoning. */

/** A function of a request, in OpenAI's shape, which is also the one that chat templates read. */
export interface ToolDefinition {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string | undefined;
    /** JSON Schema of the arguments; absent: an object without properties. */
    readonly parameters?: Readonly<Record<string, unknown>> | undefined;
    readonly strict?: boolean | undefined;
  };
}

/** A call in a message of the conversation, as chat templates read it. */
export interface MessageToolCall {
  readonly id?: string | undefined;
  readonly type: "function";
  readonly function: {
    readonly name: string;
    /** Parsed, because templates write the JSON themselves. */
    readonly arguments: unknown;
  };
}

export type ToolChoice =
  | { readonly kind: "none" }
  /** The model decides. */
  | { readonly kind: "auto" }
  /** At least one call, of any function. */
  | { readonly kind: "required" }
  /** One call, of this function. */
  | { readonly kind: "named"; readonly name: string };

/** How a family writes calls, by vLLM's names of the parsers. */
export const toolCallFormats = [
  "cohere_command3",
  "deepseek_v3",
  "deepseek_v31",
  "deepseek_v32",
  "functiongemma",
  "gemma4",
  "glm45",
  "granite",
  "hermes",
  "kimi_k2",
  "lfm2",
  "llama3_json",
  "llama4_pythonic",
  "minimax_m1",
  "minimax_m2",
  "mistral",
  "openai",
  "phi4_mini_json",
  "pythonic",
  "qwen3_coder",
  "seed_oss",
] as const;
export type ToolCallFormat = (typeof toolCallFormats)[number];

/** How a family marks its reasoning, by vLLM's names of the parsers. */
export const reasoningFormats = [
  "cohere_command3",
  "deepseek_r1",
  "gemma4",
  "granite",
  "mistral",
  "openai_gptoss",
  "qwen3",
  "seed_oss",
] as const;
export type ReasoningFormat = (typeof reasoningFormats)[number];

export interface AnswerFormat {
  /** null: unknown, so calls are written only where a grammar forces them. */
  readonly toolCalls: ToolCallFormat | null;
  /** null: the model marks no reasoning. */
  readonly reasoning: ReasoningFormat | null;
}

export const plainAnswers: AnswerFormat = { toolCalls: null, reasoning: null };
