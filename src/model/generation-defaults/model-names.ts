/** @module What a model is called, by its files: its architecture, and every name under which its family may be found. */
import { basename, dirname } from "node:path";
import type { ConfigSource } from "../config/config-source.ts";

export interface ModelNames {
  /** `model_type` or `general.architecture`; empty where the files do not say. */
  readonly architecture: string;
  readonly names: readonly string[];
}

const ggufNames = ["general.basename", "general.name", "general.base_model.0.name"] as const;

export function modelNamesOf(files: { readonly config: ConfigSource; readonly path: string }): ModelNames {
  const { config, path } = files;
  if (config.kind === "gguf")
    return {
      architecture: textOf(config.metadata.get("general.architecture")),
      names: [...ggufNames.map((key) => textOf(config.metadata.get(key))), basename(path)],
    };
  // A hub's cache has the name three folders above: models--org--name/snapshots/commit.
  const repository = basename(dirname(dirname(path)));
  return {
    architecture: textOf(config.json.model_type),
    names: [textOf(config.json._name_or_path), basename(path), repository],
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
