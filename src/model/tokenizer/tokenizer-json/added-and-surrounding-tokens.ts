/** @module Added tokens of `tokenizer.json`, and the tokens that stand around a text. */

import { PagodaError } from "../../../core/errors.ts";
import { damagedTokenizer, unknownTokenizerPart } from "../../files/damage-hints.ts";
import { isJsonObject, type JsonObject, shownValue } from "../../files/json-file.ts";
import type { AddedToken } from "../added-tokens.ts";

interface KnownTokens {
  readonly addedTokens: readonly AddedToken[];
  readonly idOfPiece: ReadonlyMap<string, number>;
  /** Of pieces and added tokens. */
  readonly ids: ReadonlySet<number>;
  readonly path: string;
}

interface Surroundings {
  readonly prefixIds: readonly number[];
  readonly suffixIds: readonly number[];
}

/** Throws PagodaError `model_invalid` for an entry without text or with an id above `maxTokenId`. */
export function addedTokensOf(list: unknown, path: string, maxTokenId: number): readonly AddedToken[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list))
    throw new PagodaError("model_invalid", `${path}: added_tokens is not a list.`, {
      hint: damagedTokenizer,
    });
  return list.map((entry: unknown) => {
    if (!isJsonObject(entry) || typeof entry.content !== "string")
      throw new PagodaError("model_invalid", `${path}: an added token has no content.`, {
        hint: damagedTokenizer,
      });
    const { id, content } = entry;
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > maxTokenId)
      throw new PagodaError(
        "model_invalid",
        `${path}: added token ${shownValue(content)} has id ${shownValue(id)}.`,
        { hint: damagedTokenizer },
      );
    return {
      id,
      content,
      special: entry.special === true,
      singleWord: entry.single_word === true,
      lstrip: entry.lstrip === true,
      rstrip: entry.rstrip === true,
      normalized: entry.normalized === true,
    };
  });
}

/** Classes of transformers that rebuild their post-processor from add_bos_token and add_eos_token. */
const classesWithOwnPostProcessor: ReadonlySet<unknown> = new Set([
  "LlamaTokenizer",
  "LlamaTokenizerFast",
  "CodeLlamaTokenizer",
  "CodeLlamaTokenizerFast",
  "GemmaTokenizer",
  "GemmaTokenizerFast",
]);

/** What is put around a text, and the tokens that begin and end one. */
export function surroundingsOf(postProcessor: unknown, tokenizerConfig: JsonObject, known: KnownTokens) {
  const bosId = namedToken(tokenizerConfig.bos_token, known);
  const eosId = namedToken(tokenizerConfig.eos_token, known);
  const described = readPostProcessor(postProcessor, known, 0);
  const { add_bos_token: addsBos, add_eos_token: addsEos } = tokenizerConfig;
  const overrides = classesWithOwnPostProcessor.has(tokenizerConfig.tokenizer_class);
  return {
    bosId,
    eosIds: eosId === null ? [] : [eosId],
    prefixIds: overrides && typeof addsBos === "boolean" ? around(addsBos, bosId) : described.prefixIds,
    suffixIds: overrides && typeof addsEos === "boolean" ? around(addsEos, eosId) : described.suffixIds,
  };
}

function around(isAdded: boolean, id: number | null): readonly number[] {
  return isAdded && id !== null ? [id] : [];
}

/** A token of tokenizer_config.json: its text, or an object that holds it. */
function namedToken(token: unknown, known: KnownTokens): number | null {
  const content = isJsonObject(token) ? token.content : token;
  return typeof content === "string" ? (idOf(content, known) ?? null) : null;
}

function idOf(content: string, known: KnownTokens): number | undefined {
  return known.addedTokens.find((token) => token.content === content)?.id ?? known.idOfPiece.get(content);
}

const maxDepth = 8;
const nothing: Surroundings = { prefixIds: [], suffixIds: [] };

function readPostProcessor(step: unknown, known: KnownTokens, depth: number): Surroundings {
  if (step === undefined || step === null) return nothing;
  if (!isJsonObject(step) || depth > maxDepth)
    throw new PagodaError("model_invalid", `${known.path}: the post_processor is damaged.`, {
      hint: damagedTokenizer,
    });
  switch (step.type) {
    case "ByteLevel":
      return nothing;
    case "Sequence": {
      const parts = Array.isArray(step.processors) ? step.processors : [];
      const read = parts.map((part: unknown) => readPostProcessor(part, known, depth + 1));
      return {
        prefixIds: read.toReversed().flatMap((part) => part.prefixIds),
        suffixIds: read.flatMap((part) => part.suffixIds),
      };
    }
    case "TemplateProcessing":
      return readTemplate(step, known);
    case "BertProcessing":
    case "RobertaProcessing":
      return { prefixIds: [pairedId(step, "cls", known)], suffixIds: [pairedId(step, "sep", known)] };
    default:
      throw new PagodaError(
        "model_unsupported",
        `${known.path}: the post_processor ${shownValue(step.type)} is not implemented.`,
        { hint: unknownTokenizerPart },
      );
  }
}

/** A token written as its text and its id. */
function pairedId(step: JsonObject, field: string, known: KnownTokens): number {
  const { [field]: pair } = step;
  if (Array.isArray(pair) && isKnownId(pair[1], known)) return pair[1];
  throw new PagodaError(
    "model_invalid",
    `${known.path}: ${field} of the post_processor is not a token of the vocabulary.`,
    { hint: damagedTokenizer },
  );
}

function isKnownId(id: unknown, known: KnownTokens): id is number {
  return typeof id === "number" && known.ids.has(id);
}

/** `single` is a list of special tokens with one `Sequence`, the text, among them. */
function readTemplate(step: JsonObject, known: KnownTokens): Surroundings {
  const parts: unknown[] = Array.isArray(step.single) ? step.single : [];
  const textAt = parts.findIndex((part) => isJsonObject(part) && part.Sequence !== undefined);
  if (textAt === -1)
    throw new PagodaError(
      "model_invalid",
      `${known.path}: the post_processor's template has no text in it.`,
      { hint: damagedTokenizer },
    );
  const idsOf = (list: readonly unknown[]) => list.flatMap((part) => templateIds(part, step, known));
  return { prefixIds: idsOf(parts.slice(0, textAt)), suffixIds: idsOf(parts.slice(textAt + 1)) };
}

function templateIds(part: unknown, step: JsonObject, known: KnownTokens): readonly number[] {
  const special = isJsonObject(part) ? part.SpecialToken : undefined;
  const name = isJsonObject(special) ? special.id : undefined;
  const declared = isJsonObject(step.special_tokens)
    ? step.special_tokens[typeof name === "string" ? name : ""]
    : undefined;
  const ids = isJsonObject(declared) ? declared.ids : undefined;
  if (Array.isArray(ids) && ids.every((id): id is number => isKnownId(id, known))) return ids;
  if (Array.isArray(ids))
    throw new PagodaError(
      "model_invalid",
      `${known.path}: the post_processor gives ${shownValue(name)} an id that is not in the vocabulary.`,
      { hint: damagedTokenizer },
    );
  const found = typeof name === "string" ? idOf(name, known) : undefined;
  if (found !== undefined) return [found];
  throw new PagodaError(
    "model_invalid",
    `${known.path}: the post_processor names ${shownValue(name)}, which is not a token.`,
    { hint: damagedTokenizer },
  );
}
