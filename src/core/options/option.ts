/** @module One option of the command line: its spellings, its variable, and how its text becomes a value. */
import { PagodaError } from "../errors.ts";

export interface Spelling<T> {
  /** `--block-size` */
  readonly flag: string;
  /** Where this spelling has a vocabulary of its own. */
  readonly parse?: (text: string) => T;
}

export interface Option<T> {
  /** The first is the one that help explains. */
  readonly spellings: readonly [Spelling<T>, ...Spelling<T>[]];
  /** Shown after the flag, `name...` where it takes several; null for a switch, which also has a `--no-` form. */
  readonly argument: string | null;
  /** Throws PagodaError `invalid_option`; the flag's name is added by the reader. */
  readonly parse: (text: string) => T;
  readonly help: string;
  readonly group: string;
}

/** An option with an argument. Further spellings may read their argument differently. */
export function option<T>(
  flags: readonly [string | Spelling<T>, ...(string | Spelling<T>)[]],
  rest: Omit<Option<T>, "spellings">,
): Option<T> {
  const [first, ...others] = flags;
  const spelling = (flag: string | Spelling<T>): Spelling<T> => (typeof flag === "string" ? { flag } : flag);
  return { ...rest, spellings: [spelling(first), ...others.map(spelling)] };
}

/** `PAGODA_MAX_MODEL_LEN` for `--max-model-len`. */
export function variableOf(option: Option<unknown>): string {
  return `PAGODA_${option.spellings[0].flag.slice(2).replaceAll("-", "_").toUpperCase()}`;
}

/** `maxModelLen` for `--max-model-len`: the key under which commander keeps a flag's text. */
export function attributeOf(flag: string): string {
  return flag.slice(2).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function notA(what: string, text: string): PagodaError {
  return new PagodaError("invalid_option", `'${text}' is not ${what}.`, { hint: `Give ${what}.` });
}

/** Reads a whole number in [min, max]. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `between ${min} and ${max}`;
      throw notA(`a whole number ${range}`, text);
    }
    return value;
  };
}

/** Reads a number in (0, 1], or (0, 1) where `below` is set. */
export function fraction(bounds: { readonly below: boolean }): (text: string) => number {
  return (text) => {
    const value = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value > 0 && (bounds.below ? value < 1 : value <= 1)))
      throw notA(bounds.below ? "a fraction above 0 and below 1" : "a fraction above 0 and at most 1", text);
    return value;
  };
}

/** Reads one of a few words. `words` maps each accepted word to its meaning. */
export function oneOf<T>(words: Readonly<Record<string, T>>): (text: string) => T {
  const parse = (text: string): T => {
    const value = Object.hasOwn(words, text) ? words[text] : undefined;
    if (value === undefined) throw notA(`one of ${Object.keys(words).join(", ")}`, text);
    return value;
  };
  return Object.assign(parse, { words: Object.keys(words) });
}

/** The words that a reader made by `oneOf` accepts; null for any other reader. */
export function wordsOf(parse: (text: string) => unknown): readonly string[] | null {
  return "words" in parse && Array.isArray(parse.words) ? parse.words : null;
}

/** Reads a switch from the environment. */
export function onOrOff(text: string): boolean {
  return oneOf({
    "1": true,
    true: true,
    on: true,
    yes: true,
    "0": false,
    false: false,
    off: false,
    no: false,
  })(text.toLowerCase());
}
