/** @module The tokenizer inside a GGUF file: byte-level BPE (`gpt2`) or SentencePiece with scores (`llama`). */
import { PagodaError } from "../../../core/errors.ts";
import type { GgufValue } from "../../weights/gguf.ts";
import { alphabetTextOfBytes, bytesOfAlphabetText } from "../merges/byte-alphabet.ts";
import { RankedMerges, ScoredMerges } from "../merges/merge-rule.ts";
import { Merger } from "../merges/merger.ts";
import { mergeTableOf } from "../merges/merges-list.ts";
import { byteSymbols, characterSymbols } from "../merges/symbol-readers.ts";
import { unchanged } from "../normalizer.ts";
import { bytesOfSentencePiece } from "../sentence-piece-bytes.ts";
import { PieceTokenizer, type Tokenizer } from "../tokenizer.ts";
import { cutAtSpaceMarks, spaceMark } from "../word-boundaries.ts";
import { GgufVocabulary } from "./gguf-vocabulary.ts";
import { preTokenizerNamed } from "./llama-cpp-pre-tokenizers.ts";

type Metadata = ReadonlyMap<string, GgufValue>;

const utf8 = new TextEncoder();
const none = -1;

export interface GgufTokenizer {
  readonly tokenizer: Tokenizer;
  /** Oddities of the file that were read all the same, as notes for the log. */
  readonly notes: readonly string[];
}

/** Throws PagodaError `model_invalid` (fields missing or of the wrong kind) or `model_unsupported` (kind of tokenizer). */
export function tokenizerFromGguf(metadata: Metadata, path: string): GgufTokenizer {
  const vocabulary = new GgufVocabulary(metadata, path);
  return { tokenizer: tokenizerOf(vocabulary), notes: vocabulary.notes };
}

function tokenizerOf(vocabulary: GgufVocabulary): Tokenizer {
  switch (vocabulary.model) {
    case "gpt2":
      return byteLevelTokenizer(vocabulary);
    case "llama":
      return sentencePieceTokenizer(vocabulary);
    default:
      throw new PagodaError(
        "model_unsupported",
        `${vocabulary.path}: the tokenizer model "${vocabulary.model}" is not implemented.`,
        { hint: 'Byte-level BPE ("gpt2") and SentencePiece ("llama") are.' },
      );
  }
}

/** As llama.cpp does, and says. */
function preTokenizerNameOf(vocabulary: GgufVocabulary): string {
  const name = vocabulary.text("pre");
  if (name !== undefined && name !== "") return name;
  vocabulary.notes.push(
    "the file has no tokenizer.ggml.pre, texts are cut as llama.cpp's default does; answers may be worse than the model's: convert it again with a current llama.cpp",
  );
  return "default";
}

function byteLevelTokenizer(vocabulary: GgufVocabulary): Tokenizer {
  const named = preTokenizerNamed(preTokenizerNameOf(vocabulary), vocabulary.path);
  const { idOfPiece } = vocabulary;
  const merges = mergeTableOf(vocabulary.merges(), idOfPiece, vocabulary.path);
  const merger = new Merger({
    symbolsOf: byteSymbols(idOfPiece, none),
    rule: new RankedMerges(merges),
    wholeWord: named.ignoresMerges
      ? (word) => idOfPiece.get(alphabetTextOfBytes(utf8.encode(word))) ?? none
      : () => none,
  });
  return new PieceTokenizer({
    pieces: vocabulary.pieces,
    addedTokens: vocabulary.addedTokens(),
    normalizer: unchanged,
    preTokenizer: named.preTokenizer,
    encoder: merger,
    bytesOfPiece: bytesOfAlphabetText,
    bytesOfAddedToken: (content) => utf8.encode(content),
    dropsLeadingSpace: false,
    ...vocabulary.surroundings({ addsBos: named.addsBos, addsEos: false }),
  });
}

function sentencePieceTokenizer(vocabulary: GgufVocabulary): Tokenizer {
  const { pieces, idOfPiece } = vocabulary;
  const scores = vocabulary.scores();
  const addsSpace = vocabulary.flag("add_space_prefix") ?? true;
  const cut = cutAtSpaceMarks(pieces);
  const merger = new Merger({
    symbolsOf: characterSymbols(idOfPiece, {
      byteFallback: true,
      unknownId: vocabulary.id("unknown_token_id") ?? none,
      fuseUnknown: false,
    }),
    rule: new ScoredMerges(pieces, vocabulary.idsOfText(), scores),
    wholeWord: () => none,
  });
  return new PieceTokenizer({
    pieces,
    addedTokens: vocabulary.addedTokens(),
    normalizer: (text) => (addsSpace ? spaceMark : "") + text.replaceAll(" ", spaceMark),
    preTokenizer: cut,
    encoder: merger,
    bytesOfPiece: bytesOfSentencePiece,
    bytesOfAddedToken: bytesOfSentencePiece,
    dropsLeadingSpace: addsSpace,
    ...vocabulary.surroundings({ addsBos: true, addsEos: false }),
  });
}
