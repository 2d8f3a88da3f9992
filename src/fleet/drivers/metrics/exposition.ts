/** @module The text format of Prometheus, as far as engines write it: one sample a line. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const escapes: Readonly<Record<string, string>> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/** Samples by name; comments and lines that are no sample are passed over. */
export function samplesByName(text: string): ReadonlyMap<string, readonly Sample[]> {
  const found = new Map<string, Sample[]>();
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const [, name, labels = "", value = ""] = sampleLine.exec(line) ?? [];
    if (name === undefined) continue;
    const known = found.get(name) ?? [];
    known.push({ name, labels: labelsOf(labels), value: numberOf(value) });
    found.set(name, known);
  }
  return found;
}

function labelsOf(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = "", value = ""] of text.matchAll(label))
    found[name] = value.replace(/\\[n"\\]/g, (pair) => escapes[pair] ?? pair);
  return found;
}

function numberOf(text: string): number {
  return text === "+Inf"
    ? Number.POSITIVE_INFINITY
    : text === "-Inf"
      ? Number.NEGATIVE_INFINITY
      : Number(text);
}
