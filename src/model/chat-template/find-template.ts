/** @module Where a model keeps its chat template. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import { damagedTokenizer } from "../files/damage-hints.ts";
import { isJsonObject, type JsonObject, readJsonObject, readTextFile } from "../files/json-file.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { GgufValue } from "../weights/gguf.ts";
import { ChatTemplate, type TemplateTokens } from "./chat-template.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The file of a template on its own, in a model's folder or beside a GGUF file. */
const ownFileName = "chat_template.jinja";
/** Files of templates for special uses, each with its use as its name: `tool_use.jinja`. */
const namedFilesFolder = "additional_chat_templates";

/** A template that the user names, for use in place of the model's. */
export interface StatedTemplate {
  readonly text: string;
  /** Where it came from, for messages. */
  readonly origin: string;
}

/** Templates by their use; `default` and `tool_use` are those that are looked for. */
type NamedTemplates = ReadonlyMap<string, string>;

/**
 * As transformers looks for it: `chat_template.jinja` with `additional_chat_templates/`, else `chat_template` of
 * tokenizer_config.json, else chat_template.json; null where there is none.
 */
export function templateFromFolder(
  folder: string,
  tokenizerConfig: JsonObject,
  stated: StatedTemplate | null = null,
): ChatTemplate | null {
  const tokens = configuredTokens(tokenizerConfig);
  if (stated !== null) return new ChatTemplate({ text: stated.text, tools: null }, tokens, stated.origin);
  const ownFile = join(folder, ownFileName);
  const files = namedFiles(folder);
  if (existsSync(ownFile)) {
    const sources = { text: readTextFile(ownFile), tools: files.get("tool_use") ?? null };
    return new ChatTemplate(sources, tokens, ownFile);
  }
  for (const path of [join(folder, "tokenizer_config.json"), join(folder, "chat_template.json")]) {
    const json = path.endsWith("tokenizer_config.json") ? tokenizerConfig : jsonOrNothing(path);
    const named = new Map([...namedTemplates(json.chat_template, path), ...files]);
    const text = named.get("default");
    if (text !== undefined)
      return new ChatTemplate({ text, tools: named.get("tool_use") ?? null }, tokens, path);
  }
  return null;
}

/**
 * `chat_template.jinja` beside the file, else `tokenizer.chat_template`, with `tokenizer.chat_template.tool_use` for requests
 * with tools; null where there is none.
 */
export function templateFromGguf(
  metadata: ReadonlyMap<string, GgufValue>,
  tokenizer: Tokenizer,
  path: string,
  stated: StatedTemplate | null = null,
): ChatTemplate | null {
  const tokens = ggufTokens(tokenizer);
  if (stated !== null) return new ChatTemplate({ text: stated.text, tools: null }, tokens, stated.origin);
  const ownFile = join(dirname(path), ownFileName);
  if (existsSync(ownFile))
    return new ChatTemplate({ text: readTextFile(ownFile), tools: null }, tokens, ownFile);
  const text = metadata.get("tokenizer.chat_template");
  if (text === undefined) return null;
  const tools = metadata.get("tokenizer.chat_template.tool_use") ?? null;
  if (typeof text !== "string" || (tools !== null && typeof tools !== "string"))
    throw notAText(path, "tokenizer.chat_template");
  return new ChatTemplate({ text, tools }, tokens, path);
}

function jsonOrNothing(path: string): JsonObject {
  return existsSync(path) ? readJsonObject(path) : {};
}

function namedFiles(folder: string): NamedTemplates {
  const path = join(folder, namedFilesFolder);
  if (!existsSync(path)) return new Map();
  const names = readdirSync(path).filter((name) => name.endsWith(".jinja"));
  return new Map(names.map((name) => [name.slice(0, -".jinja".length), readTextFile(join(path, name))]));
}

/** One template, a list of named ones, or an object of them. */
function namedTemplates(value: unknown, path: string): NamedTemplates {
  if (value === undefined || value === null) return new Map();
  if (typeof value === "string") return new Map([["default", value]]);
  const entries = Array.isArray(value)
    ? value.map((entry: unknown) => (isJsonObject(entry) ? [entry.name, entry.template] : []))
    : isJsonObject(value)
      ? Object.entries(value)
      : [[]];
  return new Map(
    entries.map(([name, template]) => {
      if (typeof name === "string" && typeof template === "string") return [name, template];
      throw notAText(path, "chat_template");
    }),
  );
}

/** Every `…_token` of tokenizer_config.json, written as a text or as an object with its content. */
export function configuredTokens(tokenizerConfig: JsonObject): TemplateTokens {
  const tokens: Record<string, string> = {};
  for (const [name, value] of Object.entries(tokenizerConfig)) {
    if (!name.endsWith("_token")) continue;
    const content = isJsonObject(value) ? value.content : value;
    if (typeof content === "string") tokens[name] = content;
  }
  return tokens;
}

export function ggufTokens(tokenizer: Tokenizer): TemplateTokens {
  const tokens: Record<string, string> = {};
  const { bosId } = tokenizer;
  const [eosId] = tokenizer.eosIds;
  if (bosId !== null) tokens.bos_token = utf8.decode(tokenizer.tokenBytes(bosId));
  if (eosId !== undefined) tokens.eos_token = utf8.decode(tokenizer.tokenBytes(eosId));
  return tokens;
}

function notAText(path: string, field: string): PagodaError {
  return new PagodaError("model_invalid", `${path}: '${field}' is not a text or a list of named texts.`, {
    hint: damagedTokenizer,
  });
}
