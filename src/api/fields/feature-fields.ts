/**
 * @module Request fields that ask for a feature, from the protocols of OpenAI, vLLM, SGLang, TGI, LMDeploy, llama.cpp and
 * Ollama. They would change the text of the answer, so an endpoint without the feature refuses them by name.
 */
import type { Feature } from "../../core/capabilities.ts";
import { PagodaError } from "../../core/errors.ts";

type Body = Readonly<Record<string, unknown>>;

export interface FeatureField {
  /** null: no engine of this process has it, and what it asks for can be said otherwise. */
  readonly feature: Feature | null;
  /** Whether this value of it changes nothing. */
  readonly isHarmless: (value: unknown, body: Body) => boolean;
  /** What to send in its place; a full sentence. */
  readonly instead?: string;
}

const never = (): boolean => false;
const isFalse = (value: unknown): boolean => value === false;
const isTrue = (value: unknown): boolean => value === true;
const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const isEmptyText = (value: unknown): boolean => value === "";
const is =
  (...harmless: readonly unknown[]) =>
  (value: unknown): boolean =>
    harmless.includes(value);
const isPlainText = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "type" in value && value.type === "text";
const isTextOnly = (value: unknown): boolean =>
  Array.isArray(value) && value.every((modality) => modality === "text");

const useTemplateVariables =
  "Put it into 'chat_template_kwargs', under the name that the model's template reads.";

type Harmless = FeatureField["isHarmless"];

function fieldsOf(
  feature: Feature | null,
  names: Readonly<Record<string, Harmless>>,
  instead?: string,
): [string, FeatureField][] {
  return Object.entries(names).map(([name, isHarmless]) => [
    name,
    { feature, isHarmless, ...(instead === undefined ? {} : { instead }) },
  ]);
}

/** Samplers that this engine does not have, with the values that turn each of them off. */
const otherSamplers: Readonly<Record<string, Harmless>> = {
  mirostat: is(0),
  mirostat_mode: is(0),
  typical_p: is(1),
  typical: is(1),
  tfs_z: is(1),
  top_a: is(0),
  top_n_sigma: is(-1, 0),
  nsigma: is(-1, 0),
  dynatemp_range: is(0),
  dynamic_temperature: isFalse,
  smoothing_factor: is(0),
  xtc_probability: is(0),
  dry_multiplier: is(0),
  eta_cutoff: is(0),
  epsilon_cutoff: is(0),
  penalty_alpha: is(0),
  no_repeat_ngram_size: is(0),
  repetition_ngram_size: is(0),
  repetition_detection: never,
  watermarking: isFalse,
  encoder_repetition_penalty: is(1),
  samplers: never,
  sampler_seq: never,
  watermark: isFalse,
  temperature_last: isFalse,
};

const table: ReadonlyMap<string, FeatureField> = new Map([
  ...fieldsOf(
    "structured-output",
    { response_format: isPlainText },
    `Send {"type": "text"}, or leave 'response_format' out.`,
  ),
  ...fieldsOf("structured-output", {
    structured_outputs: never,
    guided_json: never,
    guided_regex: never,
    guided_choice: never,
    guided_grammar: never,
    guided_decoding_backend: never,
    structural_tag: never,
    json_schema: never,
    grammar: isEmptyText,
    grammar_lazy: isFalse,
    grammar_triggers: isEmpty,
    regex: never,
    ebnf: never,
    format: isEmptyText,
  }),
  ...fieldsOf(
    "tools",
    { tools: (value, body) => isEmpty(value) || body.tool_choice === "none" },
    `Send 'tool_choice': "none" to show the tools to the chat template alone, or leave 'tools' out.`,
  ),
  ...fieldsOf("tools", { tool_choice: is("none", "auto") }, `Send "none", or leave 'tool_choice' out.`),
  ...fieldsOf("tools", { functions: isEmpty, function_call: is("none", "auto") }),
  ...fieldsOf(
    "multiple-candidates",
    // All that were generated are shown.
    { best_of: (value, body) => value === 0 || value === (body.n ?? 1) },
    "Use 'n'.",
  ),
  ...fieldsOf("beam-search", {
    use_beam_search: isFalse,
    num_beams: is(1),
    length_penalty: is(0, 1),
    early_stopping: isFalse,
  }),
  ...fieldsOf("extended-sampling", otherSamplers),
  ...fieldsOf("extended-sampling", { do_sample: isTrue }, "Send 'temperature': 0 for the likeliest text."),
  ...fieldsOf(
    "extended-sampling",
    { repeat_last_n: is(-1), penalty_last_n: is(-1) },
    "Send -1: the whole text is looked at.",
  ),
  ...fieldsOf("extended-sampling", { stop_regex: isEmpty }, "Use 'stop' with fixed texts."),
  ...fieldsOf("token-filter", { allowed_token_ids: never, bad_words: isEmpty }, "Use 'logit_bias'."),
  ...fieldsOf("logits-processors", {
    logits_processors: isEmpty,
    custom_logit_processor: never,
    vllm_xargs: never,
  }),
  ...fieldsOf("prompt-truncation", {
    truncate_prompt_tokens: never,
    truncation_side: never,
    truncate: never,
    n_keep: is(0),
    n_discard: is(0),
    num_ctx: never,
  }),
  ...fieldsOf("infill", {
    suffix: isEmptyText,
    input_prefix: isEmptyText,
    input_suffix: isEmptyText,
    input_extra: isEmpty,
  }),
  ...fieldsOf("adapters", {
    lora: isEmpty,
    lora_path: never,
    lora_request: never,
    adapter_id: never,
    adapters: isEmpty,
  }),
  ...fieldsOf("cache-salt", { cache_salt: never }),
  ...fieldsOf("kv-transfer", {
    kv_transfer_params: never,
    ec_transfer_params: never,
    bootstrap_host: never,
    migration_request: never,
  }),
  ...fieldsOf("embedded-prompts", { prompt_embeds: never, input_embeds: never }),
  ...fieldsOf("embedded-prompts", { input_ids: never }, "Send the token ids as 'prompt' to /v1/completions."),
  ...fieldsOf("images", { image_data: isEmpty, images: isEmpty, multimodal_data: never }),
  ...fieldsOf(
    "request-chat-template",
    { chat_template: never },
    "Leave it out, or start the server with --trust-request-chat-template if you trust all who may send requests.",
  ),
  ...fieldsOf(null, { template: never, raw: isFalse }, "Leave it out: the model's own template is used."),
  ...fieldsOf("documents", { documents: isEmpty }),
  ...fieldsOf("audio", { audio: never }),
  ...fieldsOf("audio", { modalities: isTextOnly }, `Send ["text"], or leave 'modalities' out.`),
  ...fieldsOf("predicted-output", { prediction: never }),
  ...fieldsOf("web-search", { web_search_options: never }),
  ...fieldsOf("thinking-budget", {
    thinking_token_budget: never,
    thinking_budget: never,
    reasoning_budget: is(-1),
  }),
  ...fieldsOf("thinking-budget", { thinking: never, think: never, reasoning: never }, useTemplateVariables),
  ...fieldsOf("sessions", { session_params: never, context: isEmpty, interactive_mode: isFalse }),
  ...fieldsOf(
    null,
    { system: isEmptyText, system_prompt: isEmptyText },
    `Send a message of the role "system".`,
  ),
  ...fieldsOf(null, { logprob_token_ids: isEmpty }, "Use 'logprobs' or 'top_logprobs'."),
  ...fieldsOf(null, { return_token_offsets: isFalse }, "Use 'logprobs' of /v1/completions: it has offsets."),
  ...fieldsOf(null, { return_prompt_text: isFalse }, "Use 'return_token_ids' and /detokenize."),
  ...fieldsOf(null, { moderation: never }, "Leave 'moderation' out."),
  ...fieldsOf(null, { options: never }, "Send each of its entries as a field of its own."),
  ...fieldsOf(null, { n_probs: is(0), top_logprobs_num: is(0), return_logprob: isFalse }, "Use 'logprobs'."),
  ...fieldsOf(null, { echo: isFalse, return_full_text: isFalse }, "Use 'echo' of /v1/completions."),
]);

/** null: a field of this name asks for no feature. */
export function featureField(name: string): FeatureField | null {
  return table.get(name) ?? null;
}

/** Throws `invalid_request` for a field whose feature is missing, unless its value changes nothing. */
export function refuseMissingFeatures(
  body: Body,
  hasFeature: (feature: Feature | null, name: string) => boolean,
): void {
  for (const [name, value] of Object.entries(body)) {
    const field = table.get(name);
    if (field === undefined || value === null || value === undefined) continue;
    if (hasFeature(field.feature, name) || field.isHarmless(value, body)) continue;
    throw new PagodaError("invalid_request", `This model's engine does not support '${name}'.`, {
      param: name,
      hint: field.instead ?? `Leave '${name}' out.`,
    });
  }
}
