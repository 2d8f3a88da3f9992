/** @module The model of a plan: a folder, a config.json, a .gguf file, a name of the catalogue, or a hub id. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import type { SourceSettings } from "../../model/source/resolve-model.ts";
import { readGguf } from "../../model/weights/gguf.ts";
import { readSafetensorsFolder } from "../../model/weights/safetensors.ts";
import {
  type ConfigObject,
  configOfGguf,
  exactQuantity,
  lookUpModel,
  type ModelFacts,
  modelNamed,
  parseModelConfig,
  type Quantity,
} from "../../planner/index.ts";

export interface PlannedModel {
  readonly facts: ModelFacts;
  /** Bytes of the stored tensors, where headers were at hand. */
  readonly stored: Quantity | null;
  readonly from: "folder" | "config.json" | "gguf" | "catalogue" | "hub";
}

function readConfig(path: string, name: string): ModelFacts {
  let config: unknown;
  try {
    config = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new PagodaError("model_invalid", `${path} is not JSON`, {
      hint: "Give the model's config.json.",
      cause,
    });
  }
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw new PagodaError("model_invalid", `${path} holds no object`, {
      hint: "Give the model's config.json.",
    });
  return parseModelConfig(name, Object.fromEntries(Object.entries(config)) satisfies ConfigObject);
}

function fromFolder(folder: string): PlannedModel {
  const facts = readConfig(join(folder, "config.json"), basename(resolve(folder)));
  const hasWeights =
    existsSync(join(folder, "model.safetensors")) || existsSync(join(folder, "model.safetensors.index.json"));
  if (!hasWeights) return { facts, stored: null, from: "folder" };
  let bytes = 0;
  for (const tensor of readSafetensorsFolder(folder).values()) bytes += tensor.numBytes;
  return { facts, stored: exactQuantity(bytes, "safetensors headers"), from: "folder" };
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
  return { facts, stored: exactQuantity(bytes, "GGUF header"), from: "gguf" };
}

/** Reads config.json of a hub id; only where the catalogue does not know it and the hub may be asked. */
async function fromHub(name: string, settings: SourceSettings): Promise<ModelFacts> {
  if (!settings.mayAskHub) return modelNamed(name);
  const url = `${settings.hubEndpoint}/${name}/resolve/main/config.json`;
  const headers = settings.hubToken === null ? {} : { authorization: `Bearer ${settings.hubToken}` };
  const answer = await fetch(url, { headers }).catch((cause: unknown) => {
    throw new PagodaError("model_unavailable", `${url} could not be reached`, {
      hint: "Give a local config.json.",
      cause,
    });
  });
  if (!answer.ok)
    throw new PagodaError(
      "model_not_found",
      `${name} is not in the catalogue, and the hub answers ${answer.status}`,
      {
        hint: "Check the id, or give a local config.json.",
      },
    );
  const config: unknown = await answer.json();
  return parseModelConfig(name, Object.fromEntries(Object.entries(Object(config))));
}

/**
 * Finds the model a user named.
 * @throws PagodaError naming what is missing and the nearest known thing.
 */
export async function planModel(name: string, settings: SourceSettings): Promise<PlannedModel> {
  const stat = statSync(name, { throwIfNoEntry: false });
  if (stat?.isDirectory() === true) return fromFolder(name);
  if (stat?.isFile() === true && /\.gguf$/i.test(name)) return fromGguf(name);
  if (stat?.isFile() === true)
    return { facts: readConfig(name, basename(dirname(resolve(name)))), stored: null, from: "config.json" };
  const known = lookUpModel(name);
  if (known !== null) return { facts: known, stored: null, from: "catalogue" };
  if (!/^[\w.-]+\/[\w.-]+$/.test(name)) return { facts: modelNamed(name), stored: null, from: "catalogue" };
  return { facts: await fromHub(name, settings), stored: null, from: "hub" };
}
