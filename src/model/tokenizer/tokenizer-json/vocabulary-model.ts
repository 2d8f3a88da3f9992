/** @module The vocabulary of `tokenizer.json` and how it turns words into tokens: BPE or Unigram. */

import { PagodaError } from "../../../core/errors.ts";
import { damagedTokenizer, unknownTokenizerPart } from "../../files/damage-hints.ts";
import { isJsonObject, type JsonObject, shownValue } from "../../files/json-file.ts";
import { alphabetTextOfBytes } from "../merges/byte-alphabet.ts";
import { RankedMerges } from "../merges/merge-rule.ts";
import { Merger } from "../merges/merger.ts";
import { mergeTableOf } from "../merges/merges-list.ts";
import { byteSymbols, characterSymbols } from "../merges/symbol-readers.ts";
import { type ScoredPiece, Unigram } from "../merges/unigram.ts";
import type { WordEncoder } from "../tokenizer.ts";

/** Ids are positions in an array, so one absurd id must not set its length. */
export const maxTokenId = 4_000_000;
const none = -1;
const utf8 = new TextEncoder();

export interface VocabularyModel {
  readonly idOfPiece: ReadonlyMap<string, number>;
  readonly encoder: WordEncoder;
}

/** Throws PagodaError `model_invalid` (damaged) or `model_unsupported` (a kind of model that we lack). */
export function readModel(model: unknown, isByteLevel: boolean, path: string): VocabularyModel {
  if (!isJsonObject(model))
    throw new PagodaError("model_invalid", `${path} has no model.`, { hint: damagedTokenizer });
  // Files before tokenizers 0.10 do not name the type; merges then tell that it is BPE.
  const type = model.type ?? (Array.isArray(model.merges) ? "BPE" : undefined);
  if (type === "Unigram") return readUnigram(model, path);
  if (type !== "BPE")
    throw new PagodaError(
      "model_unsupported",
      `${path}: the tokenizer model ${shownValue(type)} is not implemented.`,
      { hint: "BPE and Unigram tokenizers are; many models also exist as a .gguf file." },
    );
  for (const field of ["continuing_subword_prefix", "end_of_word_suffix", "dropout"]) {
    const value = model[field];
    if (value !== undefined && value !== null && value !== "" && value !== 0)
      throw new PagodaError(
        "model_unsupported",
        `${path}: ${field} ${shownValue(value)} is not implemented.`,
        { hint: unknownTokenizerPart },
      );
  }
  const idOfPiece = vocabularyOf(model, path);
  return { idOfPiece, encoder: mergerOf(model, idOfPiece, isByteLevel, path) };
}

/** The vocabulary is a list of pieces with scores; a piece's id is its place. */
function readUnigram(model: JsonObject, path: string): VocabularyModel {
  const { vocab, unk_id: unknownId } = model;
  if (!Array.isArray(vocab) || vocab.length === 0 || vocab.length > maxTokenId)
    throw new PagodaError("model_invalid", `${path}: model.vocab is not a list of pieces.`, {
      hint: damagedTokenizer,
    });
  const pieces = vocab.map((entry: unknown, id): ScoredPiece => {
    const [piece, score]: unknown[] = Array.isArray(entry) ? entry : [];
    if (typeof piece === "string" && typeof score === "number") return { piece, score };
    throw new PagodaError(
      "model_invalid",
      `${path}: entry ${id} of model.vocab is not a piece with its score.`,
      { hint: damagedTokenizer },
    );
  });
  const idOfPiece = new Map(pieces.map(({ piece }, id) => [piece, id]));
  const isKnown = typeof unknownId === "number" && pieces[unknownId] !== undefined;
  const options = { unknownId: isKnown ? unknownId : none, byteFallback: model.byte_fallback === true };
  return { idOfPiece, encoder: new Unigram(pieces, idOfPiece, options) };
}

function vocabularyOf(model: JsonObject, path: string): ReadonlyMap<string, number> {
  if (!isJsonObject(model.vocab))
    throw new PagodaError("model_invalid", `${path}: model.vocab is not an object.`, {
      hint: damagedTokenizer,
    });
  const idOfPiece = new Map<string, number>();
  for (const [piece, id] of Object.entries(model.vocab)) {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > maxTokenId)
      throw new PagodaError(
        "model_invalid",
        `${path}: token ${shownValue(piece)} has id ${shownValue(id)}.`,
        { hint: damagedTokenizer },
      );
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
  if (!Array.isArray(merges))
    throw new PagodaError("model_invalid", `${path}: model.merges is not a list.`, {
      hint: damagedTokenizer,
    });
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
