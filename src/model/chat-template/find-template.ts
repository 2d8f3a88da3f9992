/** @module Where a model keeps its chat template. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import { damagedTokenizer } from "../files/damage-hints.ts";
import { isJsonObject, type JsonObject, readTextFile } from "../files/json-file.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { GgufValue } from "../weights/gguf.ts";
import { ChatTemplate, type TemplateTokens } from "./chat-template.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** `chat_template.jinja` of the folder, else `chat_template` of tokenizer_config.json, else null. */
export function templateFromFolder(folder: string, tokenizerConfig: JsonObject): ChatTemplate | null {
  const tokens = configuredTokens(tokenizerConfig);
  const ownFile = join(folder, "chat_template.jinja");
  if (existsSync(ownFile))
    return new ChatTemplate({ text: readTextFile(ownFile), tools: null }, tokens, ownFile);
  const path = join(folder, "tokenizer_config.json");
  const sources = sourcesOf(tokenizerConfig.chat_template, path);
  return sources === null ? null : new ChatTemplate(sources, tokens, path);
}

/** `tokenizer.chat_template`, with `tokenizer.chat_template.tool_use` for requests with tools; null where there is none. */
export function templateFromGguf(
  metadata: ReadonlyMap<string, GgufValue>,
  tokenizer: Tokenizer,
  path: string,
): ChatTemplate | null {
  const text = metadata.get("tokenizer.chat_template");
  if (text === undefined) return null;
  const tools = metadata.get("tokenizer.chat_template.tool_use") ?? null;
  if (typeof text !== "string" || (tools !== null && typeof tools !== "string"))
    throw new PagodaError("model_invalid", `${path}: tokenizer.chat_template is not a text.`, {
      hint: damagedTokenizer,
    });
  const tokens: Record<string, string> = {};
  const { bosId } = tokenizer;
  const [eosId] = tokenizer.eosIds;
  if (bosId !== null) tokens.bos_token = utf8.decode(tokenizer.tokenBytes(bosId));
  if (eosId !== undefined) tokens.eos_token = utf8.decode(tokenizer.tokenBytes(eosId));
  return new ChatTemplate({ text, tools }, tokens, path);
}

/** One template, or a list of named ones. */
function sourcesOf(value: unknown, path: string): { text: string; tools: string | null } | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return { text: value, tools: null };
  if (!Array.isArray(value))
    throw new PagodaError("model_invalid", `${path}: chat_template is not a text.`, {
      hint: damagedTokenizer,
    });
  const named = new Map<unknown, string>();
  for (const entry of value)
    if (isJsonObject(entry) && typeof entry.template === "string") named.set(entry.name, entry.template);
  const text = named.get("default");
  return text === undefined ? null : { text, tools: named.get("tool_use") ?? null };
}

/** Every `…_token` of tokenizer_config.json, written as a text or as an object with its content. */
function configuredTokens(tokenizerConfig: JsonObject): TemplateTokens {
  const tokens: Record<string, string> = {};
  for (const [name, value] of Object.entries(tokenizerConfig)) {
    if (!name.endsWith("_token")) continue;
    const content = isJsonObject(value) ? value.content : value;
    if (typeof content === "string") tokens[name] = content;
  }
  return tokens;
}
