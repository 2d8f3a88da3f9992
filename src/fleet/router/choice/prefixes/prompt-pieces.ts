/**
 * @module A prompt as a chain of numbers, one per piece of text: equal prefixes have equal beginnings of the chain.
 *
 * The text is everything that decides the model's prompt: every message, the tools, the model's name or adapter. Each
 * piece's number depends on all pieces before it, so one look-up per piece tells how far two prompts agree. A piece is
 * `pieceBytes` bytes of UTF-8, about 64 tokens of English text: the grain of a prefix cache is a block of 16 to 64 tokens.
 *
 * Bytes are read as 32-bit words: 16 KiB take a few microseconds. Two prompts with the same number by chance (one in 2^32
 * per piece) cost a worse choice of instance and nothing else: the engine's own prefix cache compares tokens.
 */

/** Bytes of UTF-8 in one piece. */
export const pieceBytes = 256;
/** Tokens that one piece stands for: 256 bytes of English text. */
export const tokensPerPiece = 64;
/** Prompts are looked at up to here: what comes later does not change which instance is best. */
const mostBytes = 512 * 1024;

const wordsPerPiece = pieceBytes / 4;
let scratch = Buffer.alloc(64 * 1024);

/** Makes room for `numBytes`; keeps what is there. */
function grow(numBytes: number): void {
  const larger = Buffer.alloc(Math.max(numBytes, scratch.length * 2));
  scratch.copy(larger);
  scratch = larger;
}

/** Copies the parts one after another as UTF-8; returns the bytes written, at most `mostBytes`. */
function writeParts(parts: Iterable<string>): number {
  let end = 0;
  for (const part of parts) {
    const room = Math.min(part.length * 3 + 1, mostBytes - end);
    if (end + room > scratch.length) grow(end + room);
    end += scratch.write(part, end, room, "utf8");
    if (end >= mostBytes) return mostBytes;
    // Ends a part: "ab" + "c" and "a" + "bc" are different prompts.
    scratch[end] = 0xff;
    end += 1;
  }
  return end;
}

/**
 * The chain of a prompt: one 32-bit number for each whole piece. The rest that fills no piece has none: a prefix cache
 * keeps whole blocks only.
 */
export function pieceChain(parts: Iterable<string>): Int32Array {
  const numBytes = writeParts(parts);
  const words = new Int32Array(scratch.buffer, scratch.byteOffset, scratch.length >> 2);
  const chain = new Int32Array(Math.floor(numBytes / pieceBytes));
  let hash = 0x2545f491;
  for (let piece = 0; piece < chain.length; piece += 1) {
    hash = pieceHash(words, piece * wordsPerPiece, hash);
    chain[piece] = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
  }
  return chain;
}

/** Four sums that do not wait for each other, each over every fourth word, and then one of them all. */
function pieceHash(words: Int32Array, start: number, seed: number): number {
  let [a, b, c, d] = [seed, seed ^ 0x27d4eb2f, seed ^ 0x165667b1, seed ^ 0x1e35a7bd];
  for (let at = start; at < start + wordsPerPiece; at += 4) {
    a = mixed(a, words[at] as number);
    b = mixed(b, words[at + 1] as number);
    c = mixed(c, words[at + 2] as number);
    d = mixed(d, words[at + 3] as number);
  }
  return mixed(mixed(mixed(a, b), c), d);
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x85ebca6b);
  return (product << 13) | (product >>> 19);
}
