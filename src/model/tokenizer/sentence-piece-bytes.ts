/** @module The bytes that a SentencePiece vocabulary entry stands for. */
import { byteOfTokenName } from "./merges/symbol-readers.ts";
import { spaceMark } from "./word-boundaries.ts";

const utf8 = new TextEncoder();

/** `<0xNN>` is that byte; in other pieces the space mark is a space. */
export function bytesOfSentencePiece(piece: string): Uint8Array {
  const byte = byteOfTokenName(piece);
  return byte >= 0 ? Uint8Array.of(byte) : utf8.encode(piece.replaceAll(spaceMark, " "));
}
