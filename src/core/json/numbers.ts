/**
 * @module JSON whose numbers are remembered as they were written, where a JavaScript number does not say it: 1.0 is not 1 to a
 * chat template, and an integer may have more digits than a double.
 */

/** The texts of such numbers, by the array or object that holds them and their key in it. */
const writtenNumbers = new WeakMap<object, Map<string, string>>();

/** A point with zeros behind it, an exponent, or sixteen digits: what may be lost. It may as well stand in a text. */
const perhapsLost = /\d\.0+(?!\d)|\d[eE][-+]?\d|\d{16}/;

export function mayLoseNumbers(json: string): boolean {
  return perhapsLost.test(json);
}

/** As `JSON.parse`; `numberTexts` knows the numbers of what it returns. */
export function parseJson(json: string): unknown {
  return mayLoseNumbers(json) ? JSON.parse(json, remember) : JSON.parse(json);
}

/** Of an array or object from `parseJson`: the texts of numbers that lost something, by key; undefined where none did. */
export function numberTexts(holder: object): ReadonlyMap<string, string> | undefined {
  return writtenNumbers.get(holder);
}

function remember(
  this: object,
  key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  const source = context?.source;
  if (typeof value === "number" && source !== undefined && isLost(value, source)) {
    const numbers = writtenNumbers.get(this) ?? new Map<string, string>();
    writtenNumbers.set(this, numbers.set(key, source));
  }
  return value;
}

function isLost(value: number, source: string): boolean {
  return Number.isInteger(value) && (/[.eE]/.test(source) || !Number.isSafeInteger(value));
}
