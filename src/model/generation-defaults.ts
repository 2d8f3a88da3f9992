/** @module Sampling defaults that a model brings with it: generation_config.json, or `general.sampling.*` of a GGUF file. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PagodaError } from "../core/errors.ts";
import type { SamplingParams } from "../core/sampling-params.ts";
import { type JsonObject, readJsonObject, shownValue } from "./json-file.ts";
import type { GgufValue } from "./weights/gguf.ts";

export interface GenerationDefaults {
  /** Only what the model states. */
  readonly sampling: Partial<SamplingParams>;
  /** Tokens that end a text, beside the tokenizer's own. */
  readonly eosIds: readonly number[];
  /** What was taken, and what could not be, for the log: `temperature 0.6`. */
  readonly applied: readonly string[];
}

const noGenerationDefaults: GenerationDefaults = { sampling: {}, eosIds: [], applied: [] };

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
  isAllowed: (value) => value > 0,
  range: "above 0",
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
  const read = readRules(configRules, (field) => config[field], path);
  return { ...read, eosIds: eosIdsOf(config.eos_token_id, path) };
}

export function generationDefaultsFromGguf(
  metadata: ReadonlyMap<string, GgufValue>,
  path: string,
): GenerationDefaults {
  return { ...readRules(ggufRules, (field) => metadata.get(field), path), eosIds: [] };
}

/** `eos_token_id` of a config: one id, a list of them, or nothing. */
export function eosIdsOf(value: unknown, path: string): readonly number[] {
  if (value === undefined || value === null) return [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  if (ids.every((id): id is number => Number.isSafeInteger(id) && Number(id) >= 0)) return ids;
  throw new PagodaError("model_invalid", `${path}: eos_token_id is ${shownValue(value)}, not token ids`);
}

function readRules(
  rules: Readonly<Record<string, Rule>>,
  fieldValue: (field: string) => unknown,
  path: string,
): { readonly sampling: Partial<SamplingParams>; readonly applied: readonly string[] } {
  const sampling: Partial<Record<NumericField, number>> = {};
  const applied: string[] = [];
  for (const [name, rule] of Object.entries(rules)) {
    const value = fieldValue(name);
    if (value === undefined || value === null) continue;
    if (typeof value !== "number" || !rule.isAllowed(value))
      throw new PagodaError(
        "model_invalid",
        `${path}: ${name} is ${shownValue(value)}; it must be ${rule.range}`,
      );
    // −1 is another way to say that top-k is off.
    sampling[rule.field] = rule === topK ? Math.max(0, value) : value;
    applied.push(`${name} ${value}`);
  }
  return { sampling, applied };
}
