/** @module A client's own words inside a message: never so long that the answer is as large as the request. */

const mostCharacters = 100;

/** The first `most` characters and an ellipsis, or the whole text if it is not longer. */
export function shownText(text: string, most: number = mostCharacters): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
