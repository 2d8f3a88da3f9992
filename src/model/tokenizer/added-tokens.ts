/** @module Splits text on added tokens, which are found before any other rule applies. */
import { anyLiteral } from "./patterns/text-pattern.ts";
import { whiteSpaceEnd, whiteSpaceStart } from "./patterns/white-space.ts";

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** A control token: hidden from decoded text on request. */
  readonly special: boolean;
  /** Matches only where no letter, digit or underscore touches it. */
  readonly singleWord: boolean;
  /** Swallows white space on its left, on its right. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Looked for in the normalised text instead of the raw text. */
  readonly normalized: boolean;
}

/** A piece of text between added tokens, or (tokenId ≥ 0) an added token. */
export interface Segment {
  readonly text: string;
  readonly tokenId: number;
}

/** `\w` as the Rust crate `regex` has it. */
export const wordCharacter = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const endsInWord = new RegExp(`${wordCharacter}$`, "u");
const startsWithWord = new RegExp(`^${wordCharacter}`, "u");

/** Finds the leftmost, longest added token at each place. */
export class AddedTokenSplitter {
  readonly #pattern: RegExp | null;
  readonly #tokenOfContent = new Map<string, AddedToken>();

  constructor(tokens: readonly AddedToken[]) {
    for (const token of tokens)
      if (token.content !== "" && !this.#tokenOfContent.has(token.content))
        this.#tokenOfContent.set(token.content, token);
    const longestFirst = [...this.#tokenOfContent.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = longestFirst.length === 0 ? null : anyLiteral(longestFirst);
  }

  /** Segments are found as they are asked for. */
  *split(text: string): Generator<Segment> {
    let from = 0;
    for (const match of this.#pattern === null ? [] : text.matchAll(this.#pattern)) {
      const token = this.#tokenOfContent.get(match[0]);
      const matchEnd = match.index + match[0].length;
      if (token === undefined || (token.singleWord && !standsAlone(text, match.index, matchEnd))) continue;
      const start = token.lstrip ? whiteSpaceStart(text, match.index, from) : match.index;
      const end = token.rstrip ? whiteSpaceEnd(text, matchEnd) : matchEnd;
      if (start > from) yield { text: text.slice(from, start), tokenId: -1 };
      yield { text: text.slice(start, end), tokenId: token.id };
      from = end;
    }
    if (from < text.length) yield { text: text.slice(from), tokenId: -1 };
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  // Two units are the longest character.
  return (
    !endsInWord.test(text.slice(Math.max(0, start - 2), start)) &&
    !startsWithWord.test(text.slice(end, end + 2))
  );
}
