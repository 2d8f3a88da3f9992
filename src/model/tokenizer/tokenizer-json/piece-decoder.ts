/**
 * @module Decoders as `tokenizer.json` describes them: what each token adds to a text.
 *
 * A server writes a text token by token, so a token's bytes may not depend on its neighbours. Steps for which they do are
 * refused by name; the space that encoding puts in front is the one exception, and is dropped from whole texts.
 */
import { PagodaError } from "../../../core/errors.ts";
import { damagedTokenizer, unknownTokenizerPart } from "../../files/damage-hints.ts";
import { isJsonObject, type JsonObject, shownValue } from "../../files/json-file.ts";
import { bytesOfAlphabetText } from "../merges/byte-alphabet.ts";
import { byteOfTokenName } from "../merges/symbol-readers.ts";
import { boundedReplace } from "../patterns/bounded-replace.ts";
import type { TokenizerParts } from "../tokenizer.ts";
import { spaceMark } from "../word-boundaries.ts";
import { patternOf, prependOf, textOf } from "./text-steps.ts";

export type PieceDecoder = Pick<TokenizerParts, "bytesOfPiece" | "bytesOfAddedToken" | "dropsLeadingSpace">;

const maxDepth = 8;
const utf8 = new TextEncoder();
const bytesOfText = (text: string): Uint8Array => utf8.encode(text);

/**
 * `isByteLevel`: pieces are written in the alphabet of bytes; then the text is what the bytes say, with or without a
 * decoder. Throws PagodaError `model_invalid` or `model_unsupported` naming the step.
 */
export function pieceDecoderOf(decoder: unknown, isByteLevel: boolean, where: string): PieceDecoder {
  const steps = stepsOf(decoder, where, 0);
  if (isByteLevel) return byteLevelDecoder(steps, where);
  // Without a decoder the `tokenizers` package puts a space between any two tokens.
  if (decoder === null || decoder === undefined) {
    const bytesOf = (piece: string): Uint8Array => bytesOfText(` ${piece}`);
    return { bytesOfPiece: bytesOf, bytesOfAddedToken: bytesOf, dropsLeadingSpace: true };
  }
  const chain = new DecoderChain();
  for (const step of steps) chain.add(step, where);
  const bytesOf = (piece: string): Uint8Array => chain.bytesOf(piece);
  return { bytesOfPiece: bytesOf, bytesOfAddedToken: bytesOf, dropsLeadingSpace: chain.dropsLeadingSpace };
}

function byteLevelDecoder(steps: readonly JsonObject[], where: string): PieceDecoder {
  const other = steps.find(({ type }) => type !== "ByteLevel" && type !== "Fuse");
  if (other !== undefined) throw unsupported(other, "beside ByteLevel", where);
  return {
    bytesOfPiece: bytesOfAlphabetText,
    bytesOfAddedToken: bytesOfText,
    dropsLeadingSpace: false,
  };
}

class DecoderChain {
  readonly #rewrites: ((piece: string) => string)[] = [];
  #readsBytes = false;
  #isFused = false;
  dropsLeadingSpace = false;

  bytesOf(piece: string): Uint8Array {
    const byte = this.#readsBytes ? byteOfTokenName(piece) : -1;
    if (byte >= 0) return Uint8Array.of(byte);
    return bytesOfText(this.#rewrites.reduce((text, rewrite) => rewrite(text), piece));
  }

  add(step: JsonObject, where: string): void {
    switch (step.type) {
      case "ByteFallback":
        this.#readsBytes = true;
        return;
      case "Fuse":
        this.#isFused = true;
        return;
      case "Replace":
        if (this.#isFused) throw unsupported(step, "after Fuse", where);
        this.#replace(decoderPattern(step, where), textOf(step, "content", where));
        return;
      case "Metaspace": {
        const mark = typeof step.replacement === "string" ? step.replacement : spaceMark;
        this.#rewrites.push((piece) => piece.replaceAll(mark, () => " "));
        this.dropsLeadingSpace ||= prependOf(step) !== "never";
        return;
      }
      case "Strip":
        this.#strip(step, where);
        return;
      default:
        throw unsupported(step, "", where);
    }
  }

  #replace(pattern: RegExp, content: string): void {
    this.#rewrites.push((piece) => boundedReplace(piece, piece.matchAll(pattern), content));
  }

  /** Only of the whole text: of every token it would take the space between words. */
  #strip(step: JsonObject, where: string): void {
    const { content, start, stop } = step;
    if (start === 0 && stop === 0) return;
    if (!(this.#isFused && content === " " && start === 1 && stop === 0))
      throw unsupported(step, "that strips more than one leading space of the text", where);
    this.dropsLeadingSpace = true;
  }
}

/** Every token is rewritten, so there is no time for bounds: a pattern that might need them is refused. */
function decoderPattern(step: JsonObject, where: string): RegExp {
  const pattern = patternOf(step, where);
  if (pattern instanceof RegExp) return pattern;
  const { compiled, source } = pattern;
  if (!/\)[*+?{]/.test(source) && (source.match(/[*+{]/g) ?? []).length <= 1) return compiled;
  throw unsupported(step, `with the pattern ${shownValue(source)}`, where);
}

/** The steps of nested sequences, one after another. */
function stepsOf(decoder: unknown, where: string, depth: number): readonly JsonObject[] {
  if (decoder === null || decoder === undefined) return [];
  if (!isJsonObject(decoder) || depth > maxDepth)
    throw new PagodaError("model_invalid", `${where}: a decoder is not an object.`, {
      hint: damagedTokenizer,
    });
  if (decoder.type !== "Sequence") return [decoder];
  const { decoders } = decoder;
  if (!Array.isArray(decoders))
    throw new PagodaError("model_invalid", `${where}: a sequence of decoders has no list.`, {
      hint: damagedTokenizer,
    });
  return decoders.flatMap((step: unknown) => stepsOf(step, where, depth + 1));
}

function unsupported({ type }: JsonObject, how: string, where: string): PagodaError {
  const what = `the decoder ${shownValue(type)}${how === "" ? "" : ` ${how}`}`;
  return new PagodaError("model_unsupported", `${where}: ${what} is not implemented.`, {
    hint: unknownTokenizerPart,
  });
}
