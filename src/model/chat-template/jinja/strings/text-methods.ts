/** @module The methods of `str`, with their arguments. */

import { boundArguments, type ParameterSpec, requireIndex, requireText } from "../operations/arguments.ts";
import { repeatText } from "../operations/arithmetic.ts";
import { isTrue } from "../operations/comparison.ts";
import { iterate } from "../operations/iteration.ts";
import { chargeScan, chargeSteps, chargeText } from "../values/bounds.ts";
import { PythonError, TemplateLimitError, typeError, valueError } from "../values/errors.ts";
import { characterIndex, hasSurrogates, subtext, textLength } from "../values/text.ts";
import { type Kwargs, Markup, PyTuple, type PyValue, textOf, typeName } from "../values/values.ts";
import { capitalize, casefold, lower, swapCase, textQuestions, title, upper } from "./text-case.ts";
import { partition, replace, rsplit, split, splitLines, strip } from "./text-split.ts";

type TextMethod = (text: string, args: readonly PyValue[], kwargs: Kwargs) => PyValue;

const rangeParameters: readonly ParameterSpec[] = [
  ["start", null],
  ["end", null],
];

const methods: ReadonlyMap<string, TextMethod> = new Map(
  Object.entries({
    ...Object.fromEntries(
      Object.entries(textQuestions).map(([name, holds]) => [name, define(name, [], (text) => holds(text))]),
    ),
    capitalize: define("capitalize", [], capitalize),
    casefold: define("casefold", [], casefold),
    lower: define("lower", [], lower),
    swapcase: define("swapcase", [], swapCase),
    title: define("title", [], title),
    upper: define("upper", [], upper),
    strip: defineStrip("strip", "both"),
    lstrip: defineStrip("lstrip", "start"),
    rstrip: defineStrip("rstrip", "end"),
    split: defineSplit("split", split),
    rsplit: defineSplit("rsplit", rsplit),
    splitlines: define("splitlines", [["keepends", false]], (text, [keepsEnds = null]) =>
      splitLines(text, isTrue(keepsEnds)),
    ),
    partition: definePartition("partition", false),
    rpartition: definePartition("rpartition", true),
    replace: define(
      "replace",
      [["old"], ["new"], ["count", -1]],
      (text, [old = null, by = null, count = -1]) =>
        replace(
          text,
          requireText(old, "replace() argument 1"),
          requireText(by, "replace() argument 2"),
          requireIndex(count),
        ),
    ),
    removeprefix: define("removeprefix", [["prefix"]], (text, [prefix = null]) => {
      const start = requireText(prefix, "removeprefix() argument");
      return text.startsWith(start) ? text.slice(start.length) : text;
    }),
    removesuffix: define("removesuffix", [["suffix"]], (text, [suffix = null]) => {
      const end = requireText(suffix, "removesuffix() argument");
      return end !== "" && text.endsWith(end) ? text.slice(0, -end.length) : text;
    }),
    startswith: defineAffix("startswith", (text, affix) => text.startsWith(affix)),
    endswith: defineAffix("endswith", (text, affix) => text.endsWith(affix)),
    find: defineSearch("find", (text, part) => text.indexOf(part)),
    rfind: defineSearch("rfind", (text, part) => text.lastIndexOf(part)),
    index: defineSearch("index", (text, part) => found(text.indexOf(part))),
    rindex: defineSearch("rindex", (text, part) => found(text.lastIndexOf(part))),
    count: defineCount(),
    join: define("join", [["iterable"]], (text, [items = null]) => joinTexts(text, items)),
    center: definePad("center", (missing, width) => Math.floor(missing / 2) + (missing & width & 1)),
    ljust: definePad("ljust", () => 0),
    rjust: definePad("rjust", (missing) => missing),
    zfill: define("zfill", [["width"]], (text, [width = null]) => zeroFilled(text, requireIndex(width))),
    expandtabs: define("expandtabs", [["tabsize", 8]], (text, [size = null]) =>
      expandTabs(text, requireIndex(size)),
    ),
    encode: unsupported("encode", "bytes"),
    translate: unsupported("translate", "tables of characters"),
    maketrans: unsupported("maketrans", "tables of characters"),
  }),
);

/** Methods of Markup that give Markup, whose text arguments are escaped. */
const escapingMethods: ReadonlySet<string> = new Set([
  "capitalize",
  "casefold",
  "center",
  "expandtabs",
  "ljust",
  "lower",
  "lstrip",
  "removeprefix",
  "removesuffix",
  "replace",
  "rjust",
  "rstrip",
  "strip",
  "swapcase",
  "title",
  "upper",
  "zfill",
]);
const splittingMethods: ReadonlySet<string> = new Set([
  "partition",
  "rpartition",
  "rsplit",
  "split",
  "splitlines",
]);

export function isTextMethod(name: string): boolean {
  return methods.has(name);
}

/** `name` is one of a text method; `escapeValue` is MarkupSafe's. */
export function callTextMethod(
  receiver: string | Markup,
  name: string,
  args: readonly PyValue[],
  kwargs: Kwargs,
  escapeValue: (value: PyValue) => Markup,
): PyValue {
  const method = methods.get(name);
  if (method === undefined)
    throw new PythonError("AttributeError", `'str' object has no attribute '${name}'`);
  chargeScan(typeof receiver === "string" ? receiver : receiver.text);
  if (typeof receiver === "string") return method(receiver, args, kwargs);
  if (name === "join")
    return new Markup(joinTexts(receiver.text, [...iterate(args[0] ?? null)].map(escapeValue)));
  if (splittingMethods.has(name)) return asMarkup(method(receiver.text, args, kwargs));
  if (!escapingMethods.has(name)) return method(receiver.text, args, kwargs);
  const escaped = args.map((arg) => (textOf(arg) === null ? arg : escapeValue(arg)));
  return asMarkup(method(receiver.text, escaped, kwargs));
}

function asMarkup(value: PyValue): PyValue {
  if (typeof value === "string") return new Markup(value);
  if (value instanceof PyTuple) return new PyTuple(value.items.map(asMarkup));
  return Array.isArray(value) ? value.map(asMarkup) : value;
}

function define(
  name: string,
  parameters: readonly ParameterSpec[],
  call: (text: string, args: readonly PyValue[]) => PyValue,
): TextMethod {
  return (text, args, kwargs) => call(text, boundArguments(name, parameters, args, kwargs));
}

function defineStrip(name: string, side: "both" | "start" | "end"): TextMethod {
  return define(name, [["chars", null]], (text, [chars = null]) => {
    if (chars !== null && textOf(chars) === null) throw typeError(`${name} arg must be None or str`);
    return strip(text, textOf(chars), side);
  });
}

function defineSplit(name: string, cut: typeof split): TextMethod {
  return define(
    name,
    [
      ["sep", null],
      ["maxsplit", -1],
    ],
    (text, [separator = null, maxSplits = -1]) => {
      const by = separator === null ? null : requireText(separator, "separator");
      return cut(text, by, requireIndex(maxSplits));
    },
  );
}

function definePartition(name: string, fromEnd: boolean): TextMethod {
  return define(
    name,
    [["sep"]],
    (text, [separator = null]) => new PyTuple(partition(text, requireText(separator, "separator"), fromEnd)),
  );
}

function defineAffix(name: string, holds: (text: string, affix: string) => boolean): TextMethod {
  return define(name, [["affix"], ...rangeParameters], (text, [affix = null, start = null, end = null]) => {
    const affixes = affix instanceof PyTuple ? affix.items : [affix];
    const texts = affixes.map((item) =>
      requireText(item, `${name} first arg must be str or a tuple of str; it`),
    );
    const range = searchRange(text, start, end);
    if (range === null) return false;
    return texts.some((item) => holds(range.part, item));
  });
}

function defineSearch(name: string, search: (text: string, part: string) => number): TextMethod {
  return define(name, [["sub"], ...rangeParameters], (text, [part = null, start = null, end = null]) => {
    const sought = requireText(part, "argument");
    const range = searchRange(text, start, end);
    const at = search(range?.part ?? "", range === null ? "\0no such text" : sought);
    return at === -1 ? -1 : (range?.start ?? 0) + characterIndex(range?.part ?? "", at);
  });
}

function found(at: number): number {
  if (at === -1) throw valueError("substring not found");
  return at;
}

function defineCount(): TextMethod {
  return define("count", [["sub"], ...rangeParameters], (text, [part = null, start = null, end = null]) => {
    const sought = requireText(part, "argument");
    const range = searchRange(text, start, end);
    if (range === null) return 0;
    return sought === "" ? textLength(range.part) + 1 : range.part.split(sought).length - 1;
  });
}

/** The part of a text to search in; null where it begins behind the end. */
function searchRange(
  text: string,
  start: PyValue,
  end: PyValue,
): { readonly part: string; readonly start: number } | null {
  if (start === null && end === null) return { part: text, start: 0 };
  const length = textLength(text);
  const position = (bound: PyValue, fallback: number): number => {
    const index = bound === null ? fallback : requireIndex(bound);
    return index < 0 ? Math.max(0, index + length) : index;
  };
  const [from, to] = [position(start, 0), Math.min(length, position(end, length))];
  return from > to ? null : { part: subtext(text, from, to), start: from };
}

function joinTexts(separator: string, items: PyValue): string {
  const texts = [...iterate(items)].map((item, i) => {
    const text = textOf(item);
    if (text === null) throw typeError(`sequence item ${i}: expected str instance, ${typeName(item)} found`);
    return text;
  });
  return joined(texts, separator);
}

/** Texts with a separator between them, charged. */
export function joined(texts: readonly string[], separator: string): string {
  chargeSteps(texts.length);
  const numUnits = texts.reduce((sum, text) => sum + text.length, 0);
  chargeText(numUnits + separator.length * Math.max(0, texts.length - 1));
  return texts.join(separator);
}

function definePad(name: string, leftOf: (missing: number, width: number) => number): TextMethod {
  return define(name, [["width"], ["fillchar", " "]], (text, [stated = null, fill = " "]) => {
    const width = requireIndex(stated);
    const filler = requireText(fill, "The fill character");
    if (textLength(filler) !== 1) throw typeError("The fill character must be exactly one character long");
    const missing = width - textLength(text);
    if (missing <= 0) return text;
    const left = leftOf(missing, width);
    return repeatText(filler, left) + text + repeatText(filler, missing - left);
  });
}

function zeroFilled(text: string, width: number): string {
  const missing = width - textLength(text);
  if (missing <= 0) return text;
  const sign = /^[-+]/.exec(text)?.[0] ?? "";
  return sign + repeatText("0", missing) + text.slice(sign.length);
}

function expandTabs(text: string, size: number): string {
  let column = 0;
  let expanded = "";
  for (const character of hasSurrogates(text) ? Array.from(text) : text) {
    const width = character === "\t" ? (size > 0 ? size - (column % size) : 0) : 1;
    expanded += character === "\t" ? repeatText(" ", width) : character;
    column = character === "\n" || character === "\r" ? 0 : column + width;
  }
  chargeText(text.length);
  return expanded;
}

function unsupported(name: string, what: string): TextMethod {
  return () => {
    throw new TemplateLimitError(`str.${name} is not supported: there are no ${what} here`);
  };
}
