/** @module Splits text on added tokens, which are found before any other rule applies. */
import { escapeForPattern } from "./text-pattern.ts";

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

/** Finds the leftmost, longest added token at each place. */
export class AddedTokenSplitter {
  readonly #pattern: RegExp | null;
  readonly #idOfContent: ReadonlyMap<string, number>;

  constructor(tokens: readonly AddedToken[]) {
    const usable = tokens.filter((token) => token.content !== "");
    this.#idOfContent = new Map(usable.map((token) => [token.content, token.id]));
    const longestFirst = [...usable].sort((a, b) => b.content.length - a.content.length);
    this.#pattern = usable.length === 0 ? null : new RegExp(longestFirst.map(patternOf).join("|"), "gu");
  }

  /** Segments are found as they are asked for. */
  *split(text: string): Generator<Segment> {
    let from = 0;
    for (const match of this.#pattern === null ? [] : text.matchAll(this.#pattern)) {
      if (match.index > from) yield { text: text.slice(from, match.index), tokenId: -1 };
      yield { text: match[0], tokenId: this.#idOf(match[0]) };
      from = match.index + match[0].length;
    }
    if (from < text.length) yield { text: text.slice(from), tokenId: -1 };
  }

  /** The match may carry white space that the token swallowed. */
  #idOf(matched: string): number {
    const found = this.#idOfContent.get(matched);
    if (found !== undefined) return found;
    const leftBare = matched.replace(/^\p{White_Space}+/u, "");
    const bothBare = leftBare.replace(/\p{White_Space}+$/u, "");
    const rightBare = matched.replace(/\p{White_Space}+$/u, "");
    const [id = -1] = [leftBare, rightBare, bothBare].flatMap((text) => this.#idOfContent.get(text) ?? []);
    return id;
  }
}

function patternOf(token: AddedToken): string {
  const left = (token.lstrip ? "\\p{White_Space}*" : "") + (token.singleWord ? "(?<![\\p{L}\\p{N}_])" : "");
  const right = (token.singleWord ? "(?![\\p{L}\\p{N}_])" : "") + (token.rstrip ? "\\p{White_Space}*" : "");
  return left + escapeForPattern(token.content) + right;
}
