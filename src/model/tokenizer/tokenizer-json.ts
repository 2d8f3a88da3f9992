/** @module The tokenizer of a Hugging Face folder: `tokenizer.json` with `tokenizer_config.json`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import { isJsonObject, type JsonObject, readJsonObject, shownValue } from "../json-file.ts";
import { alphabetTextOfBytes, bytesOfAlphabetText } from "./byte-alphabet.ts";
import { withConfiguredTokens } from "./configured-tokens.ts";
import { RankedMerges } from "./merge-rule.ts";
import { Merger } from "./merger.ts";
import { mergeTableOf } from "./merges-list.ts";
import { inSequence } from "./pre-tokenizer.ts";
import { bytesOfSentencePiece } from "./sentence-piece-bytes.ts";
import { byteSymbols, characterSymbols } from "./symbol-readers.ts";
import { PieceTokenizer, type Tokenizer } from "./tokenizer.ts";
import { hasStep, normalizerOf, prependOf, preTokenizerOf } from "./tokenizer-json-steps.ts";
import { addedTokensOf, surroundingsOf } from "./tokenizer-json-tokens.ts";
import { cutAtSpaceMarks } from "./word-boundaries.ts";

/** The largest tokenizers known (262,000 tokens) have 35 MB. */
const maxTokenizerBytes = 128 * 2 ** 20;
/** Ids are positions in an array, so one absurd id must not set its length. */
const maxTokenId = 4_000_000;
const none = -1;
const utf8 = new TextEncoder();

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
    throw new PagodaError("model_unsupported", `${folder} has no tokenizer.json`, {
      hint: "Save the tokenizer with a current transformers (it writes tokenizer.json), or use a .gguf file of this model.",
    });
  return tokenizerFromJson(readJsonObject(path, maxTokenizerBytes), tokenizerConfig, path);
}

/** The same from parsed JSON; `path` names the file in errors. */
export function tokenizerFromJson(json: JsonObject, tokenizerConfig: JsonObject, path: string): Tokenizer {
  const model = bpeModelOf(json, path);
  const idOfPiece = vocabularyOf(model, path);
  const pieces: (string | undefined)[] = [];
  for (const [piece, id] of idOfPiece) pieces[id] = piece;
  const addedTokens = withConfiguredTokens(
    addedTokensOf(json.added_tokens, path, maxTokenId),
    tokenizerConfig,
    idOfPiece,
  );
  const ids = new Set([...idOfPiece.values(), ...addedTokens.map(({ id }) => id)]);
  const isByteLevel = [json.pre_tokenizer, json.decoder].some((step) =>
    hasStep(step, ({ type }) => type === "ByteLevel"),
  );
  const normalizer = normalizerOf(json.normalizer, path);
  const cutWords = preTokenizerOf(json.pre_tokenizer, path);
  return new PieceTokenizer({
    pieces,
    addedTokens,
    normalizer,
    preTokenizer: isByteLevel
      ? (cutWords ?? inSequence([]))
      : inSequence([...(cutWords ? [cutWords] : []), cutAtSpaceMarks([...idOfPiece.keys()])]),
    merger: mergerOf(model, idOfPiece, isByteLevel, path),
    bytesOfPiece: isByteLevel ? bytesOfAlphabetText : bytesOfSentencePiece,
    bytesOfAddedToken: isByteLevel ? (content) => utf8.encode(content) : bytesOfSentencePiece,
    dropsLeadingSpace: hasStep(json.decoder, stripsLeadingSpace),
    ...surroundingsOf(json.post_processor, tokenizerConfig, { addedTokens, idOfPiece, ids, path }),
  });
}

function bpeModelOf(json: JsonObject, path: string): JsonObject {
  const { model } = json;
  if (!isJsonObject(model)) throw new PagodaError("model_invalid", `${path} has no model`);
  // Files before tokenizers 0.10 do not name the type; merges then tell that it is BPE.
  const type = model.type ?? (Array.isArray(model.merges) ? "BPE" : undefined);
  if (type !== "BPE")
    throw new PagodaError(
      "model_unsupported",
      `${path}: the tokenizer model ${shownValue(type)} is not implemented`,
      {
        hint: "BPE tokenizers are; many models also exist as a .gguf file.",
      },
    );
  for (const field of ["continuing_subword_prefix", "end_of_word_suffix", "dropout"]) {
    const value = model[field];
    if (value !== undefined && value !== null && value !== "" && value !== 0)
      throw new PagodaError("model_unsupported", `${path}: ${field} ${shownValue(value)} is not implemented`);
  }
  return model;
}

function vocabularyOf(model: JsonObject, path: string): ReadonlyMap<string, number> {
  if (!isJsonObject(model.vocab))
    throw new PagodaError("model_invalid", `${path}: model.vocab is not an object`);
  const idOfPiece = new Map<string, number>();
  for (const [piece, id] of Object.entries(model.vocab)) {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > maxTokenId)
      throw new PagodaError("model_invalid", `${path}: token ${shownValue(piece)} has id ${shownValue(id)}`);
    idOfPiece.set(piece, id);
  }
  return idOfPiece;
}

function mergerOf(
  model: JsonObject,
  idOfPiece: ReadonlyMap<string, number>,
  isByteLevel: boolean,
  path: string,
): Merger {
  const merges = model.merges ?? [];
  if (!Array.isArray(merges)) throw new PagodaError("model_invalid", `${path}: model.merges is not a list`);
  const unknownId = typeof model.unk_token === "string" ? (idOfPiece.get(model.unk_token) ?? none) : none;
  const writingOf = (word: string) => (isByteLevel ? alphabetTextOfBytes(utf8.encode(word)) : word);
  return new Merger({
    symbolsOf: isByteLevel
      ? byteSymbols(idOfPiece, unknownId)
      : characterSymbols(idOfPiece, {
          byteFallback: model.byte_fallback === true,
          unknownId,
          fuseUnknown: model.fuse_unk === true,
        }),
    rule: new RankedMerges(mergeTableOf(merges, idOfPiece, path)),
    wholeWord: model.ignore_merges === true ? (word) => idOfPiece.get(writingOf(word)) ?? none : () => none,
  });
}

/** Decoders that take away the space which encoding put in front. */
function stripsLeadingSpace(step: JsonObject): boolean {
  if (step.type === "Metaspace") return prependOf(step) !== "never";
  return step.type === "Strip" && step.content === " " && typeof step.start === "number" && step.start > 0;
}
