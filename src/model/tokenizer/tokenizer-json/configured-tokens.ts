/** @module The tokens that tokenizer_config.json adds to those of tokenizer.json, or makes special, as transformers does. */

import { PagodaError } from "../../../core/errors.ts";
import { damagedTokenizer } from "../../files/damage-hints.ts";
import { isJsonObject, type JsonObject, shownValue } from "../../files/json-file.ts";
import type { AddedToken } from "../added-tokens.ts";

const namedFields = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
] as const;

/**
 * `added_tokens_decoder` replaces a token's flags or adds the token; tokens with a name (`bos_token`, …) are special
 * whatever else says, and are added where they are missing, as are those of `extra_special_tokens`. What has no id
 * gets the next one: the ids of `added_tokens_decoder` count only for the order.
 */
export function withConfiguredTokens(
  addedTokens: readonly AddedToken[],
  tokenizerConfig: JsonObject,
  idOfPiece: ReadonlyMap<string, number>,
): readonly AddedToken[] {
  const known = new Map(addedTokens.map((token) => [token.content, token]));
  let nextId = addedTokens.reduce((next, { id }) => Math.max(next, id + 1), idOfPiece.size);
  const put = (token: Omit<AddedToken, "id">) => {
    const id = known.get(token.content)?.id ?? idOfPiece.get(token.content) ?? nextId;
    nextId = Math.max(nextId, id + 1);
    known.set(token.content, { ...token, id });
  };
  for (const entry of decoderEntries(tokenizerConfig.added_tokens_decoder)) put(flagsOf(entry));
  const extra = tokenizerConfig.extra_special_tokens ?? tokenizerConfig.additional_special_tokens;
  const extraNamed = isJsonObject(extra) ? Object.values(extra) : [];
  for (const token of [...namedFields.map((field) => tokenizerConfig[field]), ...extraNamed]) {
    const named = specialToken(token);
    if (named !== null) put({ ...(known.get(named.content) ?? named), special: true });
  }
  for (const token of Array.isArray(extra) ? extra : []) {
    const named = specialToken(token);
    if (named !== null && !known.has(named.content)) put(named);
  }
  return [...known.values()];
}

function decoderEntries(decoder: unknown): readonly unknown[] {
  if (decoder === undefined || decoder === null) return [];
  if (!isJsonObject(decoder))
    throw new PagodaError(
      "model_invalid",
      "added_tokens_decoder of tokenizer_config.json is not an object.",
      { hint: damagedTokenizer },
    );
  return Object.entries(decoder)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, entry]) => entry);
}

/** A text, or an object with the flags of an added token; null for anything else. */
function specialToken(token: unknown): Omit<AddedToken, "id"> | null {
  const entry: JsonObject = isJsonObject(token)
    ? { special: true, ...token }
    : { content: token, special: true };
  return typeof entry.content === "string" && entry.content !== "" ? flagsOf(entry) : null;
}

function flagsOf(entry: unknown): Omit<AddedToken, "id"> {
  if (!isJsonObject(entry) || typeof entry.content !== "string")
    throw new PagodaError(
      "model_invalid",
      `added_tokens_decoder of tokenizer_config.json: ${shownValue(entry)} is not a token.`,
      { hint: damagedTokenizer },
    );
  const special = entry.special === true;
  return {
    content: entry.content,
    special,
    singleWord: entry.single_word === true,
    lstrip: entry.lstrip === true,
    rstrip: entry.rstrip === true,
    normalized: typeof entry.normalized === "boolean" ? entry.normalized : !special,
  };
}
