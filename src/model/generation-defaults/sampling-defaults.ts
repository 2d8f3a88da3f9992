/** @module Which sampling defaults a served model has: what was asked for, what its files state, what is recommended. */
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import type { SamplingParams } from "../../core/sampling-params.ts";
import { readJsonObject } from "../files/json-file.ts";
import { llamaServerSampling, recommendationFor } from "./family-recommendations.ts";
import { generationDefaultsFromJson, type StatedSampling } from "./generation-config.ts";

/** `--generation-config`: the model's own and what is recommended, vLLM's neutral ones, or those of another file. */
export type GenerationConfigChoice =
  | { readonly kind: "auto" }
  | { readonly kind: "vllm" }
  | { readonly kind: "file"; readonly path: string; readonly stated: StatedSampling };

/** The choice for a path: a generation_config.json, or the folder that holds one. Throws PagodaError `invalid_option`. */
export function generationConfigFile(path: string): GenerationConfigChoice {
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? join(path, "generation_config.json")
    : path;
  if (!existsSync(file))
    throw new PagodaError("invalid_option", `The file ${resolve(file)} does not exist.`, {
      hint: "Use auto, vllm, or the path of a generation_config.json.",
    });
  return { kind: "file", path, stated: generationDefaultsFromJson(readJsonObject(file), file) };
}

/** What the command line says of it. */
export interface SamplingChoice {
  readonly choice: GenerationConfigChoice;
  /** `--override-generation-config`; null: not given. */
  readonly override: StatedSampling | null;
}

export interface SamplingSources extends SamplingChoice {
  /** Of generation_config.json or `general.sampling.*`. */
  readonly own: StatedSampling;
  /** What `own` was read from, for people. */
  readonly ownOrigin: string;
  readonly architecture: string;
  readonly names: readonly string[];
}

export interface SamplingDefaults {
  /** Values for the fields that a request does not state. */
  readonly stated: Partial<SamplingParams>;
  /** Counts for a request that states none of temperature, top-p, top-k and min-p; empty where `stated` has one of them. */
  readonly recommended: Partial<SamplingParams>;
  /** Where the four come from, for people. */
  readonly origin: string;
  /** More than this no request may generate (a stated max_new_tokens of the override, as on vLLM); null: no such limit. */
  readonly maxTokensCeiling: number | null;
}

/**
 * One rule: where the request, a flag or the model states one of the four fields that shape the distribution, no
 * recommendation is mixed into it. So a request that sends `temperature` alone is sampled as on vLLM.
 */
export function samplingDefaults(sources: SamplingSources): SamplingDefaults {
  const { choice, override } = sources;
  const fromFile =
    choice.kind === "vllm" ? {} : choice.kind === "file" ? choice.stated.sampling : sources.own.sampling;
  const stated = { ...fromFile, ...override?.sampling };
  const maxTokensCeiling = override?.sampling.maxTokens ?? null;
  const fileOrigin = choice.kind === "file" ? choice.path : sources.ownOrigin;
  const origins = [
    ...(shapesDistribution(override?.sampling ?? {}) ? ["--override-generation-config"] : []),
    ...(shapesDistribution(fromFile) ? [fileOrigin] : []),
  ];
  if (origins.length > 0)
    return { stated, recommended: {}, origin: origins.join(", then "), maxTokensCeiling };
  return { stated, ...recommendation(sources), maxTokensCeiling };
}

function recommendation(sources: SamplingSources): Pick<SamplingDefaults, "recommended" | "origin"> {
  if (sources.choice.kind === "vllm") return { recommended: {}, origin: "--generation-config vllm" };
  const family = recommendationFor(sources.architecture, sources.names);
  return family === null
    ? { recommended: llamaServerSampling, origin: "llama-server's defaults; the model states none" }
    : { recommended: family.sampling, origin: `recommended for ${family.family}` };
}

function shapesDistribution(sampling: Partial<SamplingParams>): boolean {
  return [sampling.temperature, sampling.topP, sampling.topK, sampling.minP].some(
    (value) => value !== undefined,
  );
}
