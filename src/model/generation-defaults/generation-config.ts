/** @module Sampling defaults that are stated somewhere: in generation_config.json, in a GGUF file, on the command line. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import { repetitionPenaltyBounds, type SamplingParams } from "../../core/sampling-params.ts";
import { isJsonObject, type JsonObject, parseJson, readJsonObject, shownValue } from "../files/json-file.ts";
import type { GgufValue } from "../weights/gguf.ts";

export interface StatedSampling {
  /** Only what is stated. */
  readonly sampling: Partial<SamplingParams>;
}

export interface GenerationDefaults extends StatedSampling {
  /** Tokens that end a text, besides the tokenizer's own. */
  readonly eosIds: readonly number[];
  /** Fields that are stated and have no effect, as notes for the log. */
  readonly ignored: readonly string[];
}

const noGenerationDefaults: GenerationDefaults = { sampling: {}, eosIds: [], ignored: [] };

type NumericField = "temperature" | "topP" | "topK" | "minP" | "repetitionPenalty" | "maxTokens";

interface Rule {
  readonly field: NumericField;
  readonly isAllowed: (value: number) => boolean;
  readonly range: string;
}

const temperature: Rule = { field: "temperature", isAllowed: (value) => value >= 0, range: "at least 0" };
const topP: Rule = {
  field: "topP",
  isAllowed: (value) => value > 0 && value <= 1,
  range: "above 0 and at most 1",
};
const topK: Rule = {
  field: "topK",
  isAllowed: (value) => Number.isInteger(value) && value >= -1,
  range: "a whole number, at least -1",
};
const minP: Rule = { field: "minP", isAllowed: (value) => value >= 0 && value <= 1, range: "0 to 1" };
const repetitionPenalty: Rule = {
  field: "repetitionPenalty",
  isAllowed: (value) => value >= repetitionPenaltyBounds.min && value <= repetitionPenaltyBounds.max,
  range: `${repetitionPenaltyBounds.min} to ${repetitionPenaltyBounds.max}`,
};
const maxTokens: Rule = {
  field: "maxTokens",
  isAllowed: (value) => Number.isInteger(value) && value >= 1,
  range: "a whole number, at least 1",
};

/** The fields that vLLM takes over as defaults (its `ModelConfig.get_diff_sampling_param`). */
const configRules: Readonly<Record<string, Rule>> = {
  temperature,
  top_p: topP,
  top_k: topK,
  min_p: minP,
  repetition_penalty: repetitionPenalty,
  max_new_tokens: maxTokens,
};

/** The keys that llama.cpp writes and reads; those of samplers that Pagoda does not have are named in the log. */
const ggufRules: Readonly<Record<string, Rule>> = {
  "general.sampling.temp": temperature,
  "general.sampling.top_p": topP,
  "general.sampling.top_k": topK,
  "general.sampling.min_p": minP,
  "general.sampling.penalty_repeat": repetitionPenalty,
};

/** Defaults of a Hugging Face folder; none where it has no generation_config.json. Throws PagodaError `model_invalid`. */
export function generationDefaultsFromFolder(folder: string): GenerationDefaults {
  const path = join(folder, "generation_config.json");
  return existsSync(path) ? generationDefaultsFromJson(readJsonObject(path), path) : noGenerationDefaults;
}

export function generationDefaultsFromJson(config: JsonObject, path: string): GenerationDefaults {
  const sampling = readRules(configRules, (field) => config[field], path);
  return { sampling, eosIds: eosIdsOf(config.eos_token_id, path), ignored: [] };
}

export function generationDefaultsFromGguf(
  metadata: ReadonlyMap<string, GgufValue>,
  path: string,
): GenerationDefaults {
  const sampling = readRules(ggufRules, (field) => asWritten(metadata.get(field)), path);
  const ignored = [...metadata.keys()]
    .filter((key) => key.startsWith("general.sampling.") && !Object.hasOwn(ggufRules, key))
    .map((key) => `${key} is ignored, there is no such sampler`);
  return { sampling, eosIds: [], ignored };
}

/** A GGUF file has these numbers in 32 bits: 0.6 is read as 0.6000000238418579. */
function asWritten(value: GgufValue | undefined): GgufValue | undefined {
  return typeof value === "number" ? Number(value.toPrecision(7)) : value;
}

/**
 * The JSON object of `--override-generation-config`. Throws PagodaError `invalid_option` for a field that is not one of
 * vLLM's six, and `model_invalid` for what is not an object and a value out of range.
 */
export function overriddenSamplingFrom(text: string): StatedSampling {
  const config = parseJson(text, shownValue(text));
  if (!isJsonObject(config))
    throw new PagodaError("model_invalid", `${shownValue(text)} is not a JSON object.`, {
      hint: 'Write a JSON object such as {"temperature": 0.5}.',
    });
  const unknown = Object.keys(config).find((field) => !Object.hasOwn(configRules, field));
  if (unknown !== undefined)
    throw new PagodaError("invalid_option", `${shownValue(unknown)} is not a field with a default.`, {
      hint: `Use ${Object.keys(configRules).join(", ")}.`,
    });
  return { sampling: readRules(configRules, (field) => config[field], "the object") };
}

/** `eos_token_id` of a config: one id, a list of them, or nothing. */
export function eosIdsOf(value: unknown, path: string): readonly number[] {
  if (value === undefined || value === null) return [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  if (ids.every((id): id is number => Number.isSafeInteger(id) && Number(id) >= 0)) return ids;
  throw new PagodaError("model_invalid", `${path}: eos_token_id is ${shownValue(value)}, not token ids.`, {
    hint: "Write token ids there: whole numbers, or a list of them.",
  });
}

function readRules(
  rules: Readonly<Record<string, Rule>>,
  fieldValue: (field: string) => unknown,
  path: string,
): Partial<SamplingParams> {
  const sampling: Partial<Record<NumericField, number>> = {};
  for (const [name, rule] of Object.entries(rules)) {
    const value = fieldValue(name);
    if (value === undefined || value === null) continue;
    if (typeof value !== "number" || !rule.isAllowed(value))
      throw new PagodaError(
        "model_invalid",
        `${path}: ${name} is ${shownValue(value)}; it must be ${rule.range}.`,
        { hint: "Correct the value there, or leave the field out." },
      );
    // −1 is another way to say that top-k is off.
    sampling[rule.field] = rule === topK ? Math.max(0, value) : value;
  }
  return sampling;
}
