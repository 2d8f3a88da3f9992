/** @module The tokenizer of a Hugging Face folder: `tokenizer.json` with `tokenizer_config.json`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PagodaError } from "../../../core/errors.ts";
import { type JsonObject, readJsonObject } from "../../files/json-file.ts";
import { inSequence } from "../pre-tokenizer.ts";
import { PieceTokenizer, type Tokenizer } from "../tokenizer.ts";
import { cutAtSpaceMarks } from "../word-boundaries.ts";
import { addedTokensOf, surroundingsOf } from "./added-and-surrounding-tokens.ts";
import { withConfiguredTokens } from "./configured-tokens.ts";
import { pieceDecoderOf } from "./piece-decoder.ts";
import { hasStep, normalizerOf, preTokenizerOf } from "./text-steps.ts";
import { maxTokenId, readModel } from "./vocabulary-model.ts";

/** The largest tokenizers known (262,000 tokens) have 35 MB. */
const maxTokenizerBytes = 128 * 2 ** 20;

/**
 * tokenizer_config.json. Folders that transformers wrote before its version 4.34 have their special tokens in
 * special_tokens_map.json, which counts where there is no `added_tokens_decoder`.
 */
export function tokenizerConfigOf(folder: string): JsonObject {
  const path = join(folder, "tokenizer_config.json");
  const config = existsSync(path) ? readJsonObject(path) : {};
  const mapPath = join(folder, "special_tokens_map.json");
  if (config.added_tokens_decoder !== undefined || !existsSync(mapPath)) return config;
  return { ...config, ...readJsonObject(mapPath) };
}

/**
 * `tokenizerConfig` is what `tokenizerConfigOf` read, or {}.
 * Throws PagodaError `model_invalid` (damaged) or `model_unsupported` (a model or step that we lack).
 */
export function tokenizerFromFolder(folder: string, tokenizerConfig: JsonObject): Tokenizer {
  const path = join(folder, "tokenizer.json");
  if (!existsSync(path))
    throw new PagodaError("model_unsupported", `${folder} has no tokenizer.json.`, {
      hint: "Save the tokenizer with a current transformers (it writes tokenizer.json), or use a .gguf file of this model.",
    });
  return tokenizerFromJson(readJsonObject(path, maxTokenizerBytes), tokenizerConfig, path);
}

/** The same from parsed JSON; `path` names the file in errors. */
export function tokenizerFromJson(json: JsonObject, tokenizerConfig: JsonObject, path: string): Tokenizer {
  const isByteLevel = [json.pre_tokenizer, json.decoder].some((step) =>
    hasStep(step, ({ type }) => type === "ByteLevel"),
  );
  const { idOfPiece, encoder } = readModel(json.model, isByteLevel, path);
  const pieces: (string | undefined)[] = [];
  for (const [piece, id] of idOfPiece) pieces[id] = piece;
  const addedTokens = withConfiguredTokens(
    addedTokensOf(json.added_tokens, path, maxTokenId),
    tokenizerConfig,
    idOfPiece,
  );
  const ids = new Set([...idOfPiece.values(), ...addedTokens.map(({ id }) => id)]);
  const normalizer = normalizerOf(json.normalizer, path);
  const cutWords = preTokenizerOf(json.pre_tokenizer, path);
  return new PieceTokenizer({
    pieces,
    addedTokens,
    normalizer,
    preTokenizer: isByteLevel
      ? (cutWords ?? inSequence([]))
      : inSequence([...(cutWords ? [cutWords] : []), cutAtSpaceMarks([...idOfPiece.keys()])]),
    encoder,
    ...pieceDecoderOf(json.decoder, isByteLevel, path),
    ...surroundingsOf(json.post_processor, tokenizerConfig, { addedTokens, idOfPiece, ids, path }),
  });
}
