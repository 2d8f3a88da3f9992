/** @module Reads the files of a model, but not its weights, once before anything is allocated. */
import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { PagodaError } from "../core/errors.ts";
import type { ChatTemplate, TemplateTokens } from "./chat-template/chat-template.ts";
import {
  configuredTokens,
  ggufTokens,
  type StatedTemplate,
  templateFromFolder,
  templateFromGguf,
} from "./chat-template/find-template.ts";
import type { ConfigSource } from "./config/config-source.ts";
import { readJsonObject } from "./files/json-file.ts";
import {
  eosIdsOf,
  type GenerationDefaults,
  generationDefaultsFromFolder,
  generationDefaultsFromGguf,
} from "./generation-defaults/generation-config.ts";
import { tokenizerFromGguf } from "./tokenizer/gguf/gguf-tokenizer.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";
import { tokenizerConfigOf, tokenizerFromFolder } from "./tokenizer/tokenizer-json/tokenizer-json.ts";
import { withoutCopiedHead } from "./weights/copied-head.ts";
import { type GgufValue, readGguf } from "./weights/gguf.ts";
import { readSafetensorsFolder } from "./weights/safetensors.ts";
import type { TensorDirectory } from "./weights/tensor-directory.ts";

/** A model on this machine: a folder in Hugging Face layout, or a GGUF file (any part of it). */
export interface LocalModel {
  readonly kind: "hf" | "gguf";
  readonly path: string;
}

export interface ModelFiles {
  readonly kind: "hf" | "gguf";
  readonly path: string;
  readonly config: ConfigSource;
  readonly tensors: TensorDirectory;
  readonly tokenizer: Tokenizer;
  /** null where the model has none. */
  readonly chatTemplate: ChatTemplate | null;
  /** For templates that requests bring. */
  readonly templateTokens: TemplateTokens;
  readonly generationDefaults: GenerationDefaults;
  /** All tokens that end a text, of generation_config.json, config.json and the tokenizer, which the model can generate. */
  readonly eosIds: readonly number[];
  /** Oddities of the files that were read all the same, as notes for the log. */
  readonly notes: readonly string[];
}

/**
 * `template` is used in place of the model's own. Throws PagodaError `model_invalid` or `model_unsupported`, naming file and
 * field. Weights themselves are not read.
 */
export function loadModelFiles(model: LocalModel, template: StatedTemplate | null = null): ModelFiles {
  return model.kind === "gguf" ? loadGgufFile(model.path, template) : loadFolder(model.path, template);
}

/**
 * Configuration and tensors alone, of files that may have no tokenizer and nothing behind their headers. Throws PagodaError
 * `model_invalid` or `model_unsupported`, naming file and field.
 */
export function describedFiles({ kind, path }: LocalModel): Pick<ModelFiles, "config" | "tensors"> {
  if (kind === "gguf") {
    const { metadata, tensors } = readGguf(path);
    return { config: { kind, path, metadata: withoutVocabulary(metadata) }, tensors };
  }
  const configPath = join(path, "config.json");
  const json = readJsonObject(configPath);
  const { tensors } = withoutCopiedHead(readSafetensorsFolder(path), json);
  return { config: { kind, path: configPath, json }, tensors };
}

/** Tells a folder from a GGUF file. Throws PagodaError `model_invalid` for anything else. */
export function localModelAt(path: string): LocalModel {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder === undefined)
    throw new PagodaError("model_invalid", `${path} does not exist.`, {
      hint: "Name a folder in Hugging Face layout, a .gguf file, or a hub id such as org/name.",
    });
  if (isFolder) return { kind: "hf", path };
  if (path.endsWith(".gguf")) return { kind: "gguf", path };
  throw new PagodaError("model_invalid", `${path} is neither a folder nor a .gguf file.`, {
    hint: "Name a folder in Hugging Face layout, a .gguf file, or a hub id such as org/name.",
  });
}

function loadGgufFile(path: string, template: StatedTemplate | null): ModelFiles {
  const { metadata, tensors } = readGguf(path);
  const { tokenizer, notes } = tokenizerFromGguf(metadata, path);
  const chatTemplate = templateFromGguf(metadata, tokenizer, path, template);
  return {
    kind: "gguf",
    path,
    config: { kind: "gguf", path, metadata: withoutVocabulary(metadata) },
    tensors,
    tokenizer,
    chatTemplate,
    templateTokens: ggufTokens(tokenizer),
    notes: [...notes, ...templateNotes(chatTemplate)],
    ...withinEmbedding(tokenizer.eosIds, generationDefaultsFromGguf(metadata, path), tensors),
  };
}

/** A template next to the file replaces the file's own. */
function templateNotes(template: ChatTemplate | null): readonly string[] {
  const isBeside = template !== null && basename(template.origin) === "chat_template.jinja";
  return isBeside ? [`the chat template is that of ${template.origin}`] : [];
}

/** An end of text beyond the embedding's rows can never be generated: it is left out, and the log says so. */
function withinEmbedding(
  eosIds: readonly number[],
  defaults: GenerationDefaults,
  tensors: TensorDirectory,
): Pick<ModelFiles, "eosIds" | "generationDefaults"> {
  const name = [...tensors.keys()].find((key) => /(^token_embd|(^|\.)embed_tokens)\.weight$/.test(key));
  const numRows = tensors.get(name ?? "")?.shape[0] ?? Number.POSITIVE_INFINITY;
  const ignored = eosIds
    .filter((tokenId) => tokenId >= numRows)
    .map((tokenId) => `eos_token_id ${tokenId} is ignored, the embedding has ${numRows} rows`);
  return {
    eosIds: eosIds.filter((tokenId) => tokenId < numRows),
    generationDefaults: { ...defaults, ignored: [...defaults.ignored, ...ignored] },
  };
}

/** The tokenizer has what it needs; the lists themselves (megabytes of text) are not kept for the life of the server. */
function withoutVocabulary(metadata: ReadonlyMap<string, GgufValue>): ReadonlyMap<string, GgufValue> {
  const vocabularyLists = new Set(
    ["merges", "scores", "token_type"].map((field) => `tokenizer.ggml.${field}`),
  );
  return new Map([...metadata].filter(([key]) => !vocabularyLists.has(key)));
}

function loadFolder(path: string, template: StatedTemplate | null): ModelFiles {
  const configPath = join(path, "config.json");
  const json = readJsonObject(configPath);
  const tokenizerConfig = tokenizerConfigOf(path);
  const tokenizer = tokenizerFromFolder(path, tokenizerConfig);
  const generationDefaults = generationDefaultsFromFolder(path);
  const configured = eosIdsOf(json.eos_token_id, configPath);
  const eosIds = [...new Set([...generationDefaults.eosIds, ...configured, ...tokenizer.eosIds])];
  const { tensors, notes } = withoutCopiedHead(readSafetensorsFolder(path), json);
  return {
    kind: "hf",
    path,
    config: { kind: "hf", path: configPath, json },
    tensors,
    tokenizer,
    chatTemplate: templateFromFolder(path, tokenizerConfig, template),
    templateTokens: configuredTokens(tokenizerConfig),
    notes,
    ...withinEmbedding(eosIds, generationDefaults, tensors),
  };
}
