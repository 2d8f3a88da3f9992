/** @module What a word is before any merge: bytes of a byte-level vocabulary, or characters of a SentencePiece one. */
import { characterOfByte } from "./byte-alphabet.ts";
import type { SymbolReader } from "./merger.ts";

const utf8 = new TextEncoder();
const none = -1;

/** Each byte of the word's UTF-8 is a token; a byte that the vocabulary lacks is `unknownId`, or nothing. */
export function byteSymbols(idOfPiece: ReadonlyMap<string, number>, unknownId: number): SymbolReader {
  const idOfByte = Int32Array.from(characterOfByte, (character) => idOfPiece.get(character) ?? unknownId);
  return (word, ids) => {
    for (const byte of utf8.encode(word)) {
      const id = idOfByte[byte] ?? none;
      if (id !== none) ids.push(id);
    }
  };
}

/** Name of the token of one byte in a vocabulary with byte fallback. */
export function byteTokenName(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** The byte that a `<0xNN>` token stands for, or −1. */
export function byteOfTokenName(piece: string): number {
  const match = /^<0x([0-9A-Fa-f]{2})>$/.exec(piece);
  return match === null ? none : Number.parseInt(match[1] ?? "", 16);
}

/**
 * Each character is a token; one that the vocabulary lacks becomes its bytes' tokens, or `unknownId` where one of those
 * is missing too (several in a row become one where `fuseUnknown`).
 */
export function characterSymbols(
  idOfPiece: ReadonlyMap<string, number>,
  options: { byteFallback: boolean; unknownId: number; fuseUnknown: boolean },
): SymbolReader {
  const { byteFallback, unknownId, fuseUnknown } = options;
  const idOfByte = Int32Array.from({ length: 256 }, (_, byte) => idOfPiece.get(byteTokenName(byte)) ?? none);
  const fallbackOf = (character: string): readonly number[] => {
    if (!byteFallback) return [];
    const bytes = Array.from(utf8.encode(character), (byte) => idOfByte[byte] ?? none);
    return bytes.includes(none) ? [] : bytes;
  };
  return (word, ids) => {
    // As in the `tokenizers` package, an unknown character's token comes after the bytes of those that follow it.
    let isUnknownWaiting = false;
    for (const character of word) {
      const id = idOfPiece.get(character);
      const bytes = id === undefined ? fallbackOf(character) : [];
      if (bytes.length > 0) {
        ids.push(...bytes);
        continue;
      }
      if (isUnknownWaiting && !(id === undefined && fuseUnknown)) ids.push(unknownId);
      if (id !== undefined) ids.push(id);
      isUnknownWaiting = id === undefined && unknownId !== none;
    }
    if (isUnknownWaiting) ids.push(unknownId);
  };
}
