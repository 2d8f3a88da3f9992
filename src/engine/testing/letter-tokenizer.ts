/** @module A tokenizer of 64 tokens: letters, digits as halves of characters, and an end. */
import type { TextTokenizer } from "../request/text-tokenizer.ts";

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const encoder = new TextEncoder();
/** Tokens 52 to 59: the bytes of "é", "€" and "😀" one by one, and the last again. */
const partialBytes = [0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98] as const;
export const letterTokenizerEos = 63;

function bytesOf(tokenId: number): Uint8Array {
  if (tokenId < letters.length) return encoder.encode(letters.charAt(tokenId));
  if (tokenId < 60) return Uint8Array.of(partialBytes[tokenId - 52] as number);
  return encoder.encode(`<${tokenId}>`);
}

/** Ids 0 to 51 letters, 52 to 59 single bytes of longer characters, 60 to 63 special. */
export const letterTokenizer: TextTokenizer = {
  encode: (text) => Array.from(text, (letter) => letters.indexOf(letter)),
  *encodeWithPauses(text) {
    const tokenIds: number[] = [];
    for (const letter of text) {
      tokenIds.push(letters.indexOf(letter));
      yield tokenIds.length;
    }
    return tokenIds;
  },
  decode: (tokenIds, options) =>
    new TextDecoder().decode(
      Buffer.concat(tokenIds.filter((id) => id < 60 || !options.skipSpecialTokens).map((id) => bytesOf(id))),
    ),
  vocabularyEntry: (tokenId) => letters[tokenId] ?? `<${tokenId}>`,
  tokenBytes: bytesOf,
  isSpecial: (tokenId) => tokenId >= 60,
};
