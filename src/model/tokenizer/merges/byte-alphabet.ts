/**
 * @module GPT-2's byte alphabet: each byte is written as one printable character in a byte-level vocabulary.
 *
 * Bytes that print as themselves in Latin-1 keep their character; the other 68 take U+0100, U+0101, … in order.
 * Source: `bytes_to_unicode` of the GPT-2 release.
 */

function printsAsItself(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

function buildAlphabet(): readonly string[] {
  let numShifted = 0;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printsAsItself(byte) ? byte : 0x100 + numShifted++),
  );
}

/** Character of each byte. */
export const characterOfByte = buildAlphabet();

const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  characterOfByte.map((character, byte) => [character, byte]),
);
const utf8 = new TextEncoder();

/** The bytes that a byte-level vocabulary entry stands for; a character outside the alphabet stands for itself. */
export function bytesOfAlphabetText(piece: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of piece) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) bytes.push(...utf8.encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** How a byte-level vocabulary writes these bytes. */
export function alphabetTextOfBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += characterOfByte[byte];
  return text;
}
