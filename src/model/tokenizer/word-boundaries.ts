/** @module Where text of a SentencePiece-like vocabulary may be cut without changing its tokens. */

/** SentencePiece's mark for a space, U+2581. */
export const spaceMark = "\u2581";

/**
 * Such vocabularies have no pre-tokenizer: a whole prompt is one word, which makes merging slow and remembered words
 * useless. But a merge across "x▁" can only happen where some piece contains "x▁"; everywhere else text may be cut
 * before the mark. Returns the function that cuts, exactly, for these pieces.
 */
export function cutAtSpaceMarks(pieces: readonly string[]): (text: string) => Iterable<string> {
  const joined = charactersBeforeMark(pieces);
  return function* (text) {
    let from = 0;
    for (let at = text.indexOf(spaceMark, 1); at !== -1; at = text.indexOf(spaceMark, at + 1)) {
      if (joined.has(text.charCodeAt(at - 1))) continue;
      yield text.slice(from, at);
      from = at;
    }
    if (from < text.length) yield text.slice(from);
  };
}

/** UTF-16 units that stand before a mark inside some piece; the mark itself always does. */
function charactersBeforeMark(pieces: readonly string[]): ReadonlySet<number> {
  const joined = new Set([spaceMark.charCodeAt(0)]);
  for (const piece of pieces)
    for (let at = piece.indexOf(spaceMark, 1); at !== -1; at = piece.indexOf(spaceMark, at + 1))
      joined.add(piece.charCodeAt(at - 1));
  return joined;
}
