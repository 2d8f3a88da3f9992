/** @module Sampling defaults in the words of the command line. */
import { defaultSamplingParams, type SamplingParams } from "../../core/sampling-params.ts";

const labels = {
  topK: "top-k",
  topP: "top-p",
  minP: "min-p",
  repetitionPenalty: "repetition penalty",
} as const;

/** `temperature 0.2, top-p 0.9`: what is not neutral, and always the temperature. */
export function describeSampling(sampling: SamplingParams): string {
  if (sampling.temperature === 0) return "temperature 0 (greedy)";
  const keys = Object.keys(labels) as (keyof typeof labels)[];
  const stated = keys
    .filter((key) => sampling[key] !== defaultSamplingParams[key])
    .map((key) => `${labels[key]} ${sampling[key]}`);
  return [`temperature ${sampling.temperature}`, ...stated].join(", ");
}
