/**
 * @module What the makers of a model family recommend for sampling, where its files do not say it: a GGUF file rarely
 * carries a generation_config.json.
 *
 * A row is taken over from the makers' own words, named in `source`. The one exception is the default model, which went in
 * circles with them: it also has a repetition penalty, whose effect was measured. Families whose makers recommend nothing for
 * all of their models (Mistral 7B, OLMo 2, Gemma 2) have no row.
 */
import type { SamplingParams } from "../../core/sampling-params.ts";

export type RecommendedSampling = Partial<
  Pick<SamplingParams, "temperature" | "topP" | "topK" | "minP" | "repetitionPenalty">
>;

export interface FamilyRecommendation {
  /** As its makers write it. */
  readonly family: string;
  /** `model_type` of config.json, `general.architecture` of a GGUF file. */
  readonly architecture: RegExp;
  /** Found in one of the model's names; null: the architecture is the family's alone. */
  readonly name: RegExp | null;
  readonly sampling: RecommendedSampling;
  readonly source: string;
}

/** The first row that fits counts: special members stand before their family. */
export const familyRecommendations: readonly FamilyRecommendation[] = [
  {
    family: "SmolLM2 135M",
    architecture: /^llama$/,
    name: /smollm-?2[- _]135m/i,
    sampling: { temperature: 0.2, topP: 0.9, repetitionPenalty: 1.1 },
    source: "model card of HuggingFaceTB/SmolLM2-135M-Instruct; the penalty by scripts/first-answers.ts",
  },
  {
    family: "SmolLM2",
    architecture: /^llama$/,
    name: /smollm-?2/i,
    sampling: { temperature: 0.2, topP: 0.9 },
    source: "model card of HuggingFaceTB/SmolLM2-1.7B-Instruct",
  },
  {
    family: "SmolLM3",
    architecture: /^(smollm3|llama)$/,
    name: /smollm-?3/i,
    sampling: { temperature: 0.6, topP: 0.95 },
    source: "model card of HuggingFaceTB/SmolLM3-3B",
  },
  {
    family: "Qwen3 Instruct 2507",
    architecture: /^qwen3/,
    name: /instruct-?2507/i,
    sampling: { temperature: 0.7, topP: 0.8, topK: 20, minP: 0 },
    source: "model card of Qwen/Qwen3-4B-Instruct-2507",
  },
  {
    family: "Qwen3",
    architecture: /^qwen3(moe|_moe)?$/,
    name: null,
    sampling: { temperature: 0.6, topP: 0.95, topK: 20, minP: 0 },
    source: "model card of Qwen/Qwen3-0.6B, thinking mode (its default)",
  },
  {
    family: "Qwen2.5",
    architecture: /^qwen2$/,
    name: /qwen-?2\.5/i,
    sampling: { temperature: 0.7, topP: 0.8, topK: 20, repetitionPenalty: 1.05 },
    source: "generation_config.json of Qwen/Qwen2.5-7B-Instruct",
  },
  {
    family: "Llama 3",
    architecture: /^llama$/,
    name: /llama[- _]?3/i,
    sampling: { temperature: 0.6, topP: 0.9 },
    source: "generation_config.json of meta-llama/Llama-3.2-1B-Instruct",
  },
  {
    family: "Gemma 3",
    architecture: /^gemma3/,
    name: null,
    sampling: { temperature: 1, topP: 0.95, topK: 64 },
    source: "generation_config.json of google/gemma-3-1b-it",
  },
  {
    family: "Phi 4 mini",
    architecture: /^phi3$/,
    name: /phi-?4-?mini/i,
    sampling: { temperature: 0 },
    source: "model card of microsoft/Phi-4-mini-instruct (do_sample False)",
  },
  {
    family: "Mistral Nemo",
    architecture: /^(mistral|llama)$/,
    name: /mistral[- _]nemo/i,
    sampling: { temperature: 0.3 },
    source: "model card of mistralai/Mistral-Nemo-Instruct-2407",
  },
  {
    family: "Mistral Small",
    architecture: /^(mistral|llama)$/,
    name: /mistral[- _]small/i,
    sampling: { temperature: 0.15 },
    source: "model card of mistralai/Mistral-Small-24B-Instruct-2501",
  },
  {
    family: "Granite",
    architecture: /^granite/,
    name: null,
    sampling: { temperature: 0 },
    source: "Granite's documentation on inference (temperature 0, top-p 1, top-k 0)",
  },
];

/** The recommendation for a model; null where there is none. `names`: all that it is called, a hub id or a file's name. */
export function recommendationFor(
  architecture: string,
  names: readonly string[],
): FamilyRecommendation | null {
  const fits = (row: FamilyRecommendation): boolean =>
    row.architecture.test(architecture) &&
    (row.name === null || names.some((name) => row.name?.test(name) === true));
  return familyRecommendations.find(fits) ?? null;
}

/** What llama-server samples with where neither the request nor the file says anything (`common_params_sampling`). */
export const llamaServerSampling: RecommendedSampling = {
  temperature: 0.8,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
};
