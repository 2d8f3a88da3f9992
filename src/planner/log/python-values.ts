/** @module Values as Python prints them: a dict, a call's arguments, an enum; a text that was cut gives what it has. */

/** A dict or the keyword arguments of a call are objects, a list or tuple is an array; anything else is its text. */
export type PythonValue = string | readonly PythonValue[] | { readonly [name: string]: PythonValue };

/** Deeper than any printed configuration; a text that nests further is no configuration. */
const mostDepth = 30;

class PythonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** `name=value, 'name': value` up to the bracket that closes them, or the end. */
  pairs(close: string | null, depth: number): Record<string, PythonValue> {
    const found: Record<string, PythonValue> = {};
    for (;;) {
      this.#skip(/[\s,]*/y);
      if (this.#isOver(close) || depth > mostDepth) return found;
      const name = this.#match(/(?:'([^']*)'|"([^"]*)"|([A-Za-z_][\w.]*))\s*[=:]\s*/y);
      if (name === null) {
        // A word that is no pair, such as a class name: passed over.
        if (this.#match(/[^\s,(){}[\]]+/y) === null) this.#at++;
        continue;
      }
      const key = name[1] ?? name[2] ?? name[3] ?? "";
      const value = this.#value(depth + 1);
      found[key] ??= value;
    }
  }

  #isOver(close: string | null): boolean {
    if (this.#at >= this.#text.length) return true;
    const next = this.#text[this.#at];
    if (next === close) this.#at++;
    return next === close || next === ")" || next === "}" || next === "]";
  }

  #items(close: string, depth: number): PythonValue[] {
    const found: PythonValue[] = [];
    for (;;) {
      this.#skip(/[\s,]*/y);
      if (this.#isOver(close) || depth > mostDepth) return found;
      const before = this.#at;
      found.push(this.#value(depth + 1));
      if (this.#at === before) this.#at++;
    }
  }

  #value(depth: number): PythonValue {
    const quoted = this.#match(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/y);
    if (quoted !== null) return (quoted[1] ?? quoted[2] ?? "").replace(/\\(['"\\])/g, "$1");
    if (this.#match(/\{/y) !== null) return this.pairs("}", depth);
    if (this.#match(/\[/y) !== null) return this.#items("]", depth);
    if (this.#match(/\(/y) !== null) return this.#items(")", depth);
    const called = this.#match(/[A-Za-z_][\w.]*\(/y);
    if (called !== null) return this.pairs(")", depth);
    return (this.#match(/<[^>]*>|[^\s,(){}[\]]+/y)?.[0] ?? "").trim();
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #skip(pattern: RegExp): void {
    this.#match(pattern);
  }
}

/** The named values of `name=value, 'name': value, …`, outermost ones only; the first of a name counts. */
export function pythonValues(text: string): Readonly<Record<string, PythonValue>> {
  return new PythonReader(text).pairs(null, 0);
}

const numberText = /^-?\d+(?:\.\d+)?(?:e-?\d+)?$/;

/** A Python value as JSON means it: `True`, `None` and numbers are no texts. An enum is its value. */
export function jsonOfPython(value: PythonValue): unknown {
  if (Array.isArray(value)) return value.map(jsonOfPython);
  if (typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonOfPython(inner)]));
  const text = typeof value === "string" ? value : "";
  if (text === "True" || text === "False") return text === "True";
  if (text === "None") return null;
  const enumValue = /^<[\w.]+: (.*)>$/.exec(text)?.[1];
  if (enumValue !== undefined) return jsonOfPython(enumValue.replace(/^(['"])(.*)\1$/, "$2"));
  return numberText.test(text) ? Number(text) : text;
}
