/** @module Fields that clients of OpenAI or vLLM send to both generation endpoints and that we refuse, or need not act on. */
import type { UnsupportedField } from "./parse-body.ts";

const never = (): boolean => false;
const isFalse = (value: unknown): boolean => value === false;
const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const isPlainText = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "type" in value && value.type === "text";

const unsupportedEverywhere: Readonly<Record<string, UnsupportedField>> = {
  response_format: { isHarmless: isPlainText, instead: `Only {"type": "text"} is supported.` },
  structured_outputs: { isHarmless: never },
  guided_json: { isHarmless: never },
  guided_regex: { isHarmless: never },
  guided_choice: { isHarmless: never },
  guided_grammar: { isHarmless: never },
  use_beam_search: { isHarmless: isFalse },
  length_penalty: { isHarmless: (value) => value === 1 },
  best_of: { isHarmless: (value) => value === 1, instead: "Use 'n'." },
  truncate_prompt_tokens: { isHarmless: never },
  allowed_token_ids: { isHarmless: never, instead: "Use 'logit_bias'." },
  bad_words: { isHarmless: isEmpty },
  logits_processors: { isHarmless: isEmpty },
  cache_salt: { isHarmless: never },
  kv_transfer_params: { isHarmless: never },
  prompt_embeds: { isHarmless: never },
};

export const unsupportedInChat: Readonly<Record<string, UnsupportedField>> = {
  ...unsupportedEverywhere,
  tools: { isHarmless: isEmpty },
  tool_choice: { isHarmless: (value) => value === "none" || value === "auto" },
  functions: { isHarmless: isEmpty },
  function_call: { isHarmless: (value) => value === "none" || value === "auto" },
  chat_template: { isHarmless: never, instead: "The model's own template is used." },
  documents: { isHarmless: isEmpty },
  echo: { isHarmless: isFalse, instead: "Use /v1/completions." },
  audio: { isHarmless: never },
  modalities: {
    isHarmless: (value) => Array.isArray(value) && value.every((modality) => modality === "text"),
  },
  prediction: { isHarmless: never },
  web_search_options: { isHarmless: never },
  thinking_token_budget: { isHarmless: never },
};

export const unsupportedInCompletions: Readonly<Record<string, UnsupportedField>> = {
  ...unsupportedEverywhere,
  suffix: { isHarmless: (value) => value === "" },
};

/** Known, and without effect on the answer of this server. */
export const fieldsWithoutEffect: ReadonlySet<string> = new Set([
  "user",
  "metadata",
  "store",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "parallel_tool_calls",
  "spaces_between_special_tokens",
  "include_reasoning",
  "verbosity",
]);
