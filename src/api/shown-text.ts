/** @module A client's own words inside a message: never so long that the answer is as large as the request. */

const mostCharacters = 100;

/** The first 100 characters and an ellipsis, or the whole text where it is no longer. */
export function shownText(text: string): string {
  return text.length > mostCharacters ? `${text.slice(0, mostCharacters)}…` : text;
}
