/** @module Cuts normalised text into words; merges never cross a cut. */
import { literalPattern } from "./text-pattern.ts";

/** `isFirst`: the text begins the input (nothing, not even an added token, comes before it). */
export type PreTokenizer = (text: string, isFirst: boolean) => readonly string[];

export type SplitBehavior = "Isolated" | "Removed" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

/** GPT-2's cut: contractions, then letters, digits or marks with one space before them, then white space. */
export const gpt2Pattern =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

export function inSequence(steps: readonly PreTokenizer[]): PreTokenizer {
  const [only] = steps;
  if (only !== undefined && steps.length === 1) return only;
  return (text, isFirst) =>
    steps.reduce<readonly string[]>(
      (words, step) => words.flatMap((word, index) => step(word, isFirst && index === 0)),
      text === "" ? [] : [text],
    );
}

/** Matches and the gaps between them become words, treated as `behavior` says; `invert` swaps the two. */
export function splitBy(pattern: RegExp, behavior: SplitBehavior, invert: boolean): PreTokenizer {
  return (text) => joinSpans(spansOf(text, pattern, invert), behavior);
}

interface Span {
  readonly text: string;
  readonly isDelimiter: boolean;
}

function spansOf(text: string, pattern: RegExp, invert: boolean): readonly Span[] {
  const spans: Span[] = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    const [matched] = match;
    if (matched === "") continue;
    if (match.index > from) spans.push({ text: text.slice(from, match.index), isDelimiter: invert });
    spans.push({ text: matched, isDelimiter: !invert });
    from = match.index + matched.length;
  }
  if (from < text.length) spans.push({ text: text.slice(from), isDelimiter: invert });
  return spans;
}

function joinSpans(spans: readonly Span[], behavior: SplitBehavior): readonly string[] {
  switch (behavior) {
    case "Isolated":
      return spans.map((span) => span.text);
    case "Removed":
      return spans.filter((span) => !span.isDelimiter).map((span) => span.text);
    case "MergedWithPrevious":
      return merged(spans, (before, span) => span.isDelimiter && !before.isDelimiter);
    case "MergedWithNext":
      return merged(spans, (before, span) => before.isDelimiter && !span.isDelimiter);
    case "Contiguous":
      return merged(spans, (before, span) => before.isDelimiter === span.isDelimiter);
  }
}

/** Joins a span to the one before it where `joins` says so; each comparison is with the span just before. */
function merged(spans: readonly Span[], joins: (before: Span, span: Span) => boolean): readonly string[] {
  const words: string[] = [];
  let before: Span | undefined;
  for (const span of spans) {
    if (before !== undefined && joins(before, span)) words.push((words.pop() ?? "") + span.text);
    else words.push(span.text);
    before = span;
  }
  return words;
}

/** Byte-level text is cut by GPT-2's pattern unless another step has cut it already. */
export function byteLevel(options: { addPrefixSpace: boolean; useRegex: boolean }): PreTokenizer {
  return (text) => {
    const prefixed = options.addPrefixSpace && !/^\p{White_Space}/u.test(text) ? ` ${text}` : text;
    return options.useRegex ? (prefixed.match(gpt2Pattern) ?? []) : [prefixed];
  };
}

/** SentencePiece's space mark: spaces become `mark`, one is put in front, and words may be cut before each mark. */
export function metaspace(options: {
  mark: string;
  prepend: "always" | "first" | "never";
  cuts: boolean;
}): PreTokenizer {
  const { mark, prepend, cuts } = options;
  return (text, isFirst) => {
    const marked = text.replaceAll(" ", mark);
    const wantsMark = prepend === "always" || (prepend === "first" && isFirst);
    const prefixed = wantsMark && !marked.startsWith(mark) ? mark + marked : marked;
    return cuts ? joinSpans(spansOf(prefixed, literalPattern(mark), false), "MergedWithNext") : [prefixed];
  };
}
