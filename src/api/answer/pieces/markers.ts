/** @module Texts that mark a change in an answer, found while the answer arrives in pieces. */

export interface FoundMarker {
  readonly at: number;
  readonly marker: string;
}

/** The first marker in `text`; of those that begin at one place, the longest. null if there is none. */
export function firstMarker(text: string, markers: readonly string[]): FoundMarker | null {
  let found: FoundMarker | null = null;
  for (const marker of markers) {
    const at = text.indexOf(marker);
    if (at === -1) continue;
    if (found === null || at < found.at || (at === found.at && marker.length > found.marker.length))
      found = { at, marker };
  }
  return found;
}

/** Characters at the end of `text` that may be the beginning of a marker. */
export function numHeldBack(text: string, markers: readonly string[]): number {
  let numHeld = 0;
  for (const marker of markers) {
    for (let length = Math.min(marker.length - 1, text.length); length > numHeld; length--) {
      if (!text.endsWith(marker.slice(0, length))) continue;
      numHeld = length;
      break;
    }
  }
  return numHeld;
}

/** Whether `text` may still become one of the markers: it is a proper beginning of one. */
export function mayBecome(text: string, markers: readonly string[]): boolean {
  return markers.some((marker) => marker.length > text.length && marker.startsWith(text));
}
