/** @module What a model's configuration is read from: config.json, or the metadata of a GGUF file. */
import type { JsonObject } from "../files/json-file.ts";
import type { GgufValue } from "../weights/gguf.ts";

export type ConfigSource =
  | { readonly kind: "hf"; readonly path: string; readonly json: JsonObject }
  | { readonly kind: "gguf"; readonly path: string; readonly metadata: ReadonlyMap<string, GgufValue> };
