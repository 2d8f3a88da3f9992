/** @module The model of a plan: a folder, a config.json, a .gguf file, a name of the catalogue, or a hub id. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { PagodaError } from "../../../core/errors.ts";
import type { LocalModel } from "../../../model/model-files.ts";
import { hubHeaders } from "../../../model/source/hub/hub-headers.ts";
import type { ProgressListener, SourceSettings } from "../../../model/source/resolve-model.ts";
import { readGguf } from "../../../model/weights/gguf.ts";
import { storedTensorBytes } from "../../../model/weights/safetensors.ts";
import {
  type ConfigObject,
  configOfGguf,
  draftModelNamed,
  exactQuantity,
  type FlagValues,
  lookUpModel,
  type ModelFacts,
  modelNamed,
  parseConfigText,
  parseModelConfig,
  type Quantity,
  type StoredTensorFacts,
} from "../../../planner/index.ts";

export interface PlannedModel {
  readonly facts: ModelFacts;
  /** Bytes of the stored tensors, where headers were at hand. */
  readonly stored: Quantity | null;
  readonly from: "folder" | "config.json" | "gguf" | "catalogue" | "hub";
  /** The directory of a GGUF file; null: there is none. */
  readonly tensors: readonly StoredTensorFacts[] | null;
  /** Files on this machine with the headers of the weights; null: there are none. */
  readonly local: LocalModel | null;
}

function objectIn(path: string): ConfigObject {
  let config: unknown;
  try {
    config = parseConfigText(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new PagodaError("model_invalid", `${path} is not JSON.`, {
      hint: "Give the model's config.json.",
      cause,
    });
  }
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw new PagodaError("model_invalid", `${path} does not hold a JSON object.`, {
      hint: "Give the model's config.json.",
    });
  return Object.fromEntries(Object.entries(config));
}

/** A configuration, with what modelopt wrote of the quantization beside it. */
function readConfig(path: string, name: string, assumesFields: boolean): ModelFacts {
  const beside = join(dirname(path), "hf_quant_config.json");
  const quantConfig = existsSync(beside) ? objectIn(beside) : null;
  return parseModelConfig(name, objectIn(path), { quantConfig, assumesFields });
}

function fromFolder(folder: string, assumesFields: boolean): PlannedModel {
  const facts = readConfig(join(folder, "config.json"), basename(resolve(folder)), assumesFields);
  const hasWeights =
    existsSync(join(folder, "model.safetensors")) || existsSync(join(folder, "model.safetensors.index.json"));
  if (!hasWeights) return { facts, stored: null, from: "folder", tensors: null, local: null };
  return {
    facts,
    stored: exactQuantity(storedTensorBytes(folder), "safetensors headers"),
    from: "folder",
    tensors: null,
    local: { kind: "hf", path: folder },
  };
}

function fromGguf(path: string): PlannedModel {
  const { metadata, tensors } = readGguf(path);
  let bytes = 0;
  const types = new Map<string, number>();
  for (const tensor of tensors.values()) {
    bytes += tensor.numBytes;
    types.set(tensor.type, (types.get(tensor.type) ?? 0) + tensor.numBytes);
  }
  const [mainType] = [...types].sort(([, a], [, b]) => b - a)[0] ?? ["F16"];
  const hasHead = tensors.has("output.weight");
  const facts = parseModelConfig(basename(path), configOfGguf(metadata, mainType, hasHead));
  return {
    facts,
    stored: exactQuantity(bytes, "GGUF header"),
    from: "gguf",
    tensors: [...tensors.values()].map(({ name, numBytes, type, shape }) => ({
      name,
      numBytes,
      type,
      shape,
    })),
    local: { kind: "gguf", path },
  };
}

/** A hub id that the catalogue does not know: its headers, from the hub or the cache. */
async function fromHub(
  name: string,
  settings: SourceSettings,
  onProgress: ProgressListener | undefined,
  assumesFields: boolean,
): Promise<PlannedModel> {
  const headers = await hubHeaders(name, settings, onProgress);
  if (headers.kind === "gguf") return { ...fromGguf(headers.path), from: "hub" };
  const facts = readConfig(join(headers.folder, "config.json"), name, assumesFields);
  const stored =
    headers.storedBytes === null
      ? null
      : exactQuantity(headers.storedBytes, "safetensors headers of the hub");
  const local = { kind: "hf", path: headers.folder } as const;
  return { facts, stored, from: "hub", tensors: null, local: stored === null ? null : local };
}

/** What a plan takes of its models: the target is named on the command line, a draft inside a flag. */
export async function draftOf(
  flags: FlagValues,
  settings: SourceSettings,
): Promise<{ readonly draftModel?: ModelFacts }> {
  const name = draftModelNamed(flags);
  if (name === null) return {};
  return { draftModel: (await planModel(name, settings)).facts };
}

/**
 * Finds the model a user named.
 * @param assumesFields plans an unknown architecture from its fields alone.
 * @throws PagodaError naming what is missing and the nearest known thing.
 */
export async function planModel(
  name: string,
  settings: SourceSettings,
  onProgress?: ProgressListener,
  assumesFields = false,
): Promise<PlannedModel> {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) return fromFolder(name, assumesFields);
  if (stat?.isFile() === true && /\.gguf$/i.test(name)) return fromGguf(name);
  if (stat?.isFile() === true)
    return {
      facts: readConfig(name, basename(dirname(resolve(name))), assumesFields),
      stored: null,
      from: "config.json",
      tensors: null,
      local: null,
    };
  const known = lookUpModel(name);
  if (known !== null) return { facts: known, stored: null, from: "catalogue", tensors: null, local: null };
  if (!/^[\w.-]+\/[\w.-]+([@:][\w./:-]+)?$/.test(name))
    return { facts: modelNamed(name), stored: null, from: "catalogue", tensors: null, local: null };
  return fromHub(name, settings, onProgress, assumesFields);
}
