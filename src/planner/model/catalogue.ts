/** @module Models the planner knows by name, usable without a network. */
import { PagodaError } from "../../core/errors.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import { catalogueEntries } from "./catalogue-data.ts";
import type { CatalogueEntry } from "./catalogue-entry.ts";
import type { ConfigObject } from "./config-fields.ts";
import type { ModelFacts } from "./facts.ts";
import { parseModelConfig } from "./parse-config.ts";
import { parseQuantization } from "./parse-quantization.ts";

/** Ids of all models in the catalogue. */
export const catalogueModels: readonly string[] = Object.keys(catalogueEntries);

const lastPart = (name: string): string => (name.split("/").at(-1) ?? name).toLowerCase();

/** Endings that name a quantized export of a model whose shape is known. */
const exports: readonly (readonly [RegExp, ConfigObject])[] = [
  [/-awq$/i, { quant_method: "awq", bits: 4, group_size: 128, zero_point: true }],
  [/-gptq-int4$/i, { quant_method: "gptq", bits: 4, group_size: 128, sym: true }],
  [/-gptq-int8$/i, { quant_method: "gptq", bits: 8, group_size: 128, sym: true }],
  [/-fp8-dynamic$/i, { quant_method: "compressed-tensors", format: "float-quantized" }],
  [/-fp8$/i, { quant_method: "fp8", weight_block_size: [128, 128] }],
  [/-(unsloth-)?bnb-4bit$/i, { quant_method: "bitsandbytes", load_in_4bit: true }],
];

function entryNamed(name: string): readonly [string, CatalogueEntry] | null {
  const found =
    Object.entries(catalogueEntries).find(([id]) => id.toLowerCase() === name.toLowerCase()) ??
    Object.entries(catalogueEntries).find(([id]) => lastPart(id) === lastPart(name));
  return found ?? null;
}

/** A quantized export by its ending: the shape of the plain model, the quantization assumed. */
function exportNamed(name: string): ModelFacts | null {
  for (const [ending, quantization] of exports) {
    if (!ending.test(name)) continue;
    const base = entryNamed(name.replace(ending, ""));
    if (base === null) return null;
    const facts = parseModelConfig(name, base[1].config);
    return {
      ...facts,
      quantization: parseQuantization(quantization),
      assumed: [...facts.assumed, `quantization_config from the ending of the name (shape of ${base[0]})`],
    };
  }
  return null;
}

/** The model of this name, or null where the catalogue does not have it. */
export function lookUpModel(name: string): ModelFacts | null {
  const entry = entryNamed(name);
  return entry === null ? exportNamed(name) : parseModelConfig(entry[0], entry[1].config);
}

/** The name without what says that a checkpoint is quantized. */
function plainName(name: string): string {
  return lastPart(name)
    .replace(/^meta-/, "")
    .replace(
      /[-_.](?:awq|gptq|int[48]|fp8|nvfp4|mxfp4|w\d+a\d+|bnb|4bit|8bit|unsloth|dynamic|autoround|bf16|g\d+)(?=[-_.]|$)/g,
      "",
    );
}

/** Quantized checkpoints of a model that the catalogue has by name, in the order of the catalogue. */
export function quantizedCheckpoints(name: string): readonly ModelFacts[] {
  const plain = plainName(name);
  return Object.entries(catalogueEntries)
    .filter(([id]) => id.toLowerCase() !== name.toLowerCase() && plainName(id) === plain)
    .map(([id, { config }]) => parseModelConfig(id, config))
    .filter(({ quantization }) => quantization !== null);
}

/**
 * The model of this name.
 * @throws PagodaError `model_not_found` naming the nearest known model.
 */
export function modelNamed(name: string): ModelFacts {
  const facts = lookUpModel(name);
  if (facts !== null) return facts;
  throw new PagodaError("model_not_found", `"${name}" is not in the planner's catalogue.`, {
    param: "model",
    hint: `${nearestModels(name)} A folder, a config.json or a .gguf file works too.`,
  });
}

const mostNearModels = 3;

/** Models whose own name, without the organization's, is near. */
function nearestModels(name: string): string {
  const ownNames = catalogueModels.map((id) => lastPart(id));
  const near = nearestNames(lastPart(name), ownNames, mostNearModels);
  const ids = near.map((ownName) => catalogueModels[ownNames.indexOf(ownName)]);
  return ids.length === 0 ? "Nothing in it has a name like that." : `Near to it: ${ids.join(", ")}.`;
}
