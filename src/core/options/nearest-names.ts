/** @module Names that are near to one that was mistyped. */

/** Edits that a name may be away from another of this length and still be meant. */
function mostEdits(name: string): number {
  return Math.max(2, Math.floor(name.length / 3));
}

/**
 * At most `most` of `names`, the nearest first: those that hold the typed name or are held by it, and those that a few
 * edits lead to. Case, and how words are joined, do not count.
 */
export function nearestNames(typed: string, names: readonly string[], most: number): readonly string[] {
  const wanted = plain(typed);
  if (wanted === "") return [];
  return names
    .map((name) => ({ name, distance: distanceBetween(wanted, plain(name)) }))
    .filter(({ distance }) => distance <= mostEdits(wanted))
    .toSorted((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, most)
    .map(({ name }) => name);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_./-]+/g, "-");
}

function distanceBetween(wanted: string, name: string): number {
  if (name === wanted) return 0;
  const isPart = wanted.length >= 3 && (hasAllWords(name, wanted) || wanted.includes(name));
  return isPart ? 1.5 : editDistance(wanted, name);
}

/** Whether every word of `wanted`, however they are joined, is somewhere in `name`. */
export function hasAllWords(name: string, wanted: string): boolean {
  const whole = plain(name);
  return plain(wanted)
    .split("-")
    .every((word) => whole.includes(word));
}

/** Edits (insert, delete, replace) that turn `from` into `to`: Levenshtein's table, one row at a time. */
export function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min((above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, replaced));
    }
    above = current;
  }
  return above[to.length] ?? from.length;
}
