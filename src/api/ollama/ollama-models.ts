/** @module GET /api/tags and /api/ps, POST /api/show (Ollama's protocol): the served models. */
import { z } from "zod";
import type { ModelFacts, ServedModel } from "../../core/generation.ts";

import { parseBody } from "../fields/parse-body.ts";
import type { ListedModel } from "../models.ts";

interface ModelDetails {
  readonly parent_model: string;
  readonly format: string;
  readonly family: string;
  readonly families: readonly string[];
  /** Such as `135M`. */
  readonly parameter_size: string;
  readonly quantization_level: string;
}

interface Tag {
  readonly name: string;
  readonly model: string;
  /** RFC 3339. */
  readonly modified_at: string;
  /** Bytes; 0 where another process has the model. */
  readonly size: number;
  readonly digest: string;
  readonly details: ModelDetails;
}

interface RunningTag extends Omit<Tag, "modified_at"> {
  /** The model stays loaded: the end of time as the protocol can write it. */
  readonly expires_at: string;
  /** Of `size`, what a GPU holds. */
  readonly size_vram: number;
  readonly context_length: number;
}

/** An entry for every name. */
export function ollamaTags(models: readonly ListedModel[]): { readonly models: readonly Tag[] } {
  return { models: models.flatMap((listed) => listed.names.map((name) => tag(name, listed))) };
}

/** `residentBytes`: of the process that has the model; null where it is another one. */
export interface LoadedModel extends ListedModel {
  readonly residentBytes: number | null;
}

export function ollamaRunning(models: readonly LoadedModel[]): { readonly models: readonly RunningTag[] } {
  return {
    models: models
      .filter(({ state }) => state === "ready")
      .flatMap((listed) => {
        const [name] = listed.names;
        if (name === undefined) return [];
        const { modified_at: _, ...running } = tag(name, listed);
        return {
          ...running,
          size: listed.residentBytes ?? running.size,
          size_vram: 0,
          expires_at: "9999-12-31T23:59:59Z",
          context_length: listed.model?.maxModelLen ?? 0,
        };
      }),
  };
}

export const showSchema = z.object({
  model: z.string().nullish(),
  name: z.string().nullish(),
  verbose: z.boolean().nullish(),
});

/** Throws `invalid_request` for a field that is wrong. */
export function parseShowRequest(body: unknown, model: ServedModel): readonly string[] {
  return parseBody(body, { schema: showSchema }, model.features).unknownFields;
}

export function ollamaShow(model: ServedModel): object {
  const { facts, tokenizer } = model;
  return {
    modelfile: `FROM ${model.root}`,
    parameters: parametersText(model),
    template: tokenizer.chatTemplate ?? "{{ .Prompt }}",
    details: details(facts),
    model_info: modelInfo(model),
    capabilities: ["completion", ...(model.features.has("tools") ? ["tools"] : [])],
    modified_at: timestamp(model.createdUnixSeconds),
  };
}

function tag(name: string, { model }: ListedModel): Tag {
  const facts = factsOf(model);
  return {
    name,
    model: name,
    modified_at: timestamp(model?.createdUnixSeconds ?? 0),
    size: facts?.tensorBytes ?? 0,
    digest: "",
    details: details(facts),
  };
}

function factsOf(model: ListedModel["model"]): ModelFacts | null {
  return model !== null && "facts" in model ? model.facts : null;
}

function details(facts: ModelFacts | null): ModelDetails {
  const family = facts?.architecture ?? "";
  return {
    parent_model: "",
    format: facts?.fileFormat ?? "",
    family,
    families: family === "" ? [] : [family],
    parameter_size: facts === null ? "" : countText(facts.numParameters),
    quantization_level: facts?.encoding ?? "",
  };
}

/** By the keys of GGUF files. */
function modelInfo({ facts, maxModelLen }: ServedModel): Readonly<Record<string, string | number>> {
  if (facts === null) return {};
  const { architecture } = facts;
  return {
    "general.architecture": architecture,
    "general.parameter_count": facts.numParameters,
    [`${architecture}.context_length`]: maxModelLen,
    [`${architecture}.embedding_length`]: facts.hiddenWidth,
    [`${architecture}.block_count`]: facts.numLayers,
  };
}

/** A line for each default that differs from none. */
function parametersText({ defaultSampling: sampling }: ServedModel): string {
  const lines = [`temperature ${sampling.temperature}`, `top_p ${sampling.topP}`, `top_k ${sampling.topK}`];
  return lines.map((line) => line.replace(" ", "".padEnd(20))).join("\n");
}

const units = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
] as const;

function countText(count: number): string {
  const [size, letter] = units.find(([least]) => count >= least) ?? [1, ""];
  const scaled = count / size;
  return `${scaled < 10 && size > 1 ? scaled.toFixed(1) : Math.round(scaled)}${letter}`;
}

function timestamp(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString();
}
