/**
 * @module Oniguruma's names for sets of characters, written for JavaScript's `v` flag.
 *
 * The sets were compared with the `tokenizers` package over all of Unicode; where the two differ, it is by characters
 * that Unicode has added or put into another category since Oniguruma's tables were made.
 */

const word = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
const notVisible = "\\p{White_Space}\\p{Cc}\\p{Cn}\\p{Cs}";

/** Inside a class. */
export const escapedClasses: ReadonlyMap<string, string> = new Map([
  ["w", `[${word}]`],
  ["W", `[^${word}]`],
  ["s", "\\p{White_Space}"],
  ["S", "\\P{White_Space}"],
  ["d", "\\p{Nd}"],
  ["D", "\\P{Nd}"],
  ["h", "[0-9A-Fa-f]"],
  ["H", "[^0-9A-Fa-f]"],
]);

/** `\w` outside a class, where Oniguruma also takes the superscript digits and fractions of Latin-1. */
export const wordCharacter = `[${word}\\xb2\\xb3\\xb9\\xbc-\\xbe]`;

const posixClasses: ReadonlyMap<string, string> = new Map([
  ["alnum", "[\\p{Alphabetic}\\p{Nd}]"],
  ["alpha", "\\p{Alphabetic}"],
  ["ascii", "\\p{ASCII}"],
  ["blank", "[\\t\\p{Zs}]"],
  ["cntrl", "\\p{Cc}"],
  ["digit", "\\p{Nd}"],
  ["graph", `[^${notVisible}]`],
  ["lower", "\\p{Lowercase}"],
  ["print", `[[^${notVisible}]\\p{Zs}]`],
  ["punct", "[\\p{P}\\p{S}]"],
  ["space", "\\p{White_Space}"],
  ["upper", "\\p{Uppercase}"],
  ["word", `[${word}]`],
  ["xdigit", "[0-9A-Fa-f]"],
]);

/** `[:name:]` or `[:^name:]`; null for a name that there is not. */
export function posixClass(name: string): string | null {
  const isNegated = name.startsWith("^");
  const found = posixClasses.get(isNegated ? name.slice(1) : name);
  if (found === undefined) return null;
  return isNegated ? `[^${found}]` : found;
}

/** `\p{name}`: a category, a script or a POSIX name, `^` before it for the opposite; null where JavaScript has none. */
export function propertyClass(name: string, isNegated: boolean): string | null {
  if (name.startsWith("^")) return propertyClass(name.slice(1), !isNegated);
  const lower = name.toLowerCase();
  // [:punct:] has symbols too; the property is the category.
  const posix = lower === "punct" ? undefined : posixClasses.get(lower);
  if (posix !== undefined) return isNegated ? `[^${posix}]` : posix;
  const capitalised = name.slice(0, 1).toUpperCase() + lower.slice(1);
  const known = [name, `sc=${name}`, lower, capitalised, `sc=${capitalised}`].find(isProperty);
  return known === undefined ? null : `\\${isNegated ? "P" : "p"}{${known}}`;
}

function isProperty(name: string): boolean {
  try {
    new RegExp(`\\p{${name}}`, "u");
    return true;
  } catch {
    return false;
  }
}
