/**
 * @module Cuts normalised text into words; merges never cross a cut.
 *
 * Words are found one by one, as they are asked for: a long text must not be cut as a whole while everyone waits.
 */
import { matchesOf, type TextPattern } from "./patterns/bounded-pattern.ts";
import { boundedReplace } from "./patterns/bounded-replace.ts";
import { anyLiteral } from "./patterns/text-pattern.ts";

/** `isFirst`: the text begins the input (nothing, not even an added token, comes before it). */
export type PreTokenizer = (text: string, isFirst: boolean) => Iterable<string>;

export type SplitBehavior = "Isolated" | "Removed" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

/** GPT-2's cut: contractions, then letters, digits or marks with one space before them, then white space. */
export const gpt2Pattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

export function inSequence(steps: readonly PreTokenizer[]): PreTokenizer {
  const [only] = steps;
  if (only !== undefined && steps.length === 1) return only;
  return (text, isFirst) =>
    steps.reduce<Iterable<string>>((words, step) => cutEach(words, step, isFirst), text === "" ? [] : [text]);
}

function* cutEach(words: Iterable<string>, step: PreTokenizer, isFirst: boolean): Generator<string> {
  let first = isFirst;
  for (const word of words) {
    yield* step(word, first);
    first = false;
  }
}

/** Matches and the gaps between them become words, treated as `behavior` says; `invert` swaps the two. */
export function splitBy(pattern: TextPattern, behavior: SplitBehavior, invert: boolean): PreTokenizer {
  return (text) => joinSpans(spansOf(text, pattern, invert), behavior);
}

interface Span {
  readonly text: string;
  readonly isDelimiter: boolean;
}

function* spansOf(text: string, pattern: TextPattern, invert: boolean): Generator<Span> {
  let from = 0;
  for (const match of matchesOf(pattern, text)) {
    const [matched] = match;
    // An empty match cuts too, but not again where the match before it ended.
    if (matched === "" && match.index === from) continue;
    if (match.index > from) yield { text: text.slice(from, match.index), isDelimiter: invert };
    yield { text: matched, isDelimiter: !invert };
    from = match.index + matched.length;
  }
  if (from < text.length) yield { text: text.slice(from), isDelimiter: invert };
}

function joinSpans(spans: Iterable<Span>, behavior: SplitBehavior): Iterable<string> {
  switch (behavior) {
    case "Isolated":
      return merged(spans, () => false);
    case "Removed":
      return gaps(spans);
    case "MergedWithPrevious":
      return merged(spans, (before, span) => span.isDelimiter && !before.isDelimiter);
    case "MergedWithNext":
      return merged(spans, (before, span) => before.isDelimiter && !span.isDelimiter);
    case "Contiguous":
      return merged(spans, (before, span) => before.isDelimiter === span.isDelimiter);
  }
}

/** Joins a span to the one before it where `joins` says so; each comparison is with the span just before. Empty words are left out. */
function* merged(spans: Iterable<Span>, joins: (before: Span, span: Span) => boolean): Generator<string> {
  let word = "";
  let before: Span | undefined;
  for (const span of spans) {
    if (before !== undefined && joins(before, span)) word += span.text;
    else {
      if (word !== "") yield word;
      word = span.text;
    }
    before = span;
  }
  if (word !== "") yield word;
}

function* gaps(spans: Iterable<Span>): Generator<string> {
  for (const { text, isDelimiter } of spans) if (!isDelimiter && text !== "") yield text;
}

/** Byte-level text is cut by GPT-2's pattern unless another step has cut it already. */
export function byteLevel(options: { addPrefixSpace: boolean; useRegex: boolean }): PreTokenizer {
  return (text) => {
    const prefixed = options.addPrefixSpace && !text.startsWith(" ") ? ` ${text}` : text;
    return options.useRegex ? matches(prefixed, gpt2Pattern) : [prefixed];
  };
}

function* matches(text: string, pattern: RegExp): Generator<string> {
  for (const [match] of text.matchAll(pattern)) yield match;
}

/** SentencePiece's space mark: spaces become `mark`, one is put in front, and words may be cut before each mark. */
export function metaspace(options: {
  mark: string;
  prepend: "always" | "first" | "never";
  cuts: boolean;
}): PreTokenizer {
  const { mark, prepend, cuts } = options;
  const markPattern = anyLiteral([mark]);
  return (text, isFirst) => {
    const marked = boundedReplace(text, text.matchAll(/ /g), mark);
    const wantsMark = prepend === "always" || (prepend === "first" && isFirst);
    const prefixed = wantsMark && !marked.startsWith(mark) ? mark + marked : marked;
    return cuts ? joinSpans(spansOf(prefixed, markPattern, false), "MergedWithNext") : [prefixed];
  };
}
