/** @module Filters that make text. */

import { requireIndex } from "../operations/arguments.ts";
import { binary, repeatText } from "../operations/arithmetic.ts";
import { isTrue } from "../operations/comparison.ts";
import { toDouble } from "../operations/conversions.ts";
import { isIterable, iterate, lengthOf, slice } from "../operations/iteration.ts";
import { escapeMarkup, escapeText } from "../operations/markup.ts";
import { percentFormat } from "../operations/percent-format.ts";
import { lower, upper } from "../strings/text-case.ts";
import { callTextMethod, joined } from "../strings/text-methods.ts";
import { replace, split, splitLines } from "../strings/text-split.ts";
import { DictView, PyDict } from "../values/dict.ts";
import { PythonError, typeError, valueError } from "../values/errors.ts";
import { fixedText } from "../values/float-format.ts";
import { repr, str } from "../values/printing.ts";
import { characters } from "../values/text.ts";
import { Undefined } from "../values/undefined.ts";
import { type Kwargs, Markup, noKwargs, PyTuple, type PyValue, textOf, typeName } from "../values/values.ts";
import { attributePath, itemOf } from "./attributes.ts";
import { type Operation, type OperationTable, operation } from "./environment.ts";

/** Text as it is, Markup as Markup; everything else as `str` writes it. */
function softText(value: PyValue): string | Markup {
  return typeof value === "string" || value instanceof Markup ? value : str(value);
}

/** A filter that is a method of the value's text. */
function textMethod(filter: string, name: string, ...parameters: Parameters<typeof operation>[1]): Operation {
  return operation(filter, [["s"], ...parameters], ([value = null, ...args]) =>
    callTextMethod(softText(value), name, args, noKwargs, escapeMarkup),
  );
}

export const textFilters: OperationTable = {
  capitalize: textMethod("capitalize", "capitalize"),
  center: textMethod("center", "center", ["width", 80]),
  lower: textMethod("lower", "lower"),
  upper: textMethod("upper", "upper"),
  trim: textMethod("trim", "strip", ["chars", null]),
  title: operation("title", [["s"]], ([value = null]) => titled(str(value))),
  string: operation("string", [["s"]], ([value = null]) => softText(value)),
  safe: operation("safe", [["value"]], ([value = null]) => new Markup(str(value))),
  e: operation("e", [["s"]], ([value = null]) => escapeMarkup(value)),
  escape: operation("escape", [["s"]], ([value = null]) => escapeMarkup(value)),
  forceescape: operation("forceescape", [["value"]], ([value = null]) => escapeText(str(value))),
  striptags: operation("striptags", [["value"]], ([value = null]) => withoutTags(str(value))),
  replace: operation(
    "replace",
    [["s"], ["old"], ["new"], ["count", null]],
    ([value = null, old = null, by = null, count = null], { autoescape }) => {
      const limit = count === null ? -1 : requireIndex(count);
      if (!autoescape) return replace(str(value), str(old), str(by), limit);
      const isSafe = old instanceof Markup || (by instanceof Markup && !(value instanceof Markup));
      const text = isSafe ? escapeMarkup(value) : softText(value);
      return callTextMethod(text, "replace", [softText(old), softText(by), limit], noKwargs, escapeMarkup);
    },
  ),
  join: operation(
    "join",
    [["value"], ["d", ""], ["attribute", null]],
    ([value = null, separator = "", attribute = null], { autoescape }) =>
      joinItems(value, separator, attribute, autoescape),
  ),
  indent: operation(
    "indent",
    [["s"], ["width", 4], ["first", false], ["blank", false]],
    ([value = null, width = null, first = null, blank = null]) =>
      indented(value, width, isTrue(first), isTrue(blank)),
  ),
  truncate: operation(
    "truncate",
    [["s"], ["length", 255], ["killwords", false], ["end", "..."], ["leeway", null]],
    (args) => truncated(args),
  ),
  wordcount: operation(
    "wordcount",
    [["s"]],
    ([value = null]) => (str(value).match(/[\p{L}\p{N}_]+/gu) ?? []).length,
  ),
  format: (_, [value = null, ...args], kwargs) => formatted(value, args, kwargs),
  urlencode: operation("urlencode", [["value"]], ([value = null]) => urlEncoded(value)),
  xmlattr: operation(
    "xmlattr",
    [["d"], ["autospace", true]],
    ([value = null, spaced = null], { autoescape }) => {
      const text = xmlAttributes(value, isTrue(spaced));
      return autoescape ? new Markup(text) : text;
    },
  ),
  filesizeformat: operation(
    "filesizeformat",
    [["value"], ["binary", false]],
    ([value = null, isBinary = null]) => fileSize(toDouble(value), isTrue(isBinary)),
  ),
};

/** Words begin after blanks, hyphens and opening brackets. */
function titled(text: string): string {
  return text
    .split(/([-\s({[<]+)/u)
    .map((part) => {
      const [first = "", ...rest] = characters(part);
      return upper(first) + lower(rest.join(""));
    })
    .join("");
}

function joinItems(value: PyValue, separator: PyValue, attribute: PyValue, autoescape: boolean): PyValue {
  const path = attributePath(attribute);
  const items = [...iterate(value)].map((item) => path.reduce((at: PyValue, key) => itemOf(at, key), item));
  if (!autoescape) return joined(items.map(str), str(separator));
  if (![separator, ...items].some((item) => item instanceof Markup))
    return joined(items.map(str), str(separator));
  return new Markup(
    joined(
      items.map((item) => escapeMarkup(item).text),
      escapeMarkup(separator).text,
    ),
  );
}

function indented(value: PyValue, width: PyValue, first: boolean, blank: boolean): PyValue {
  const indention = textOf(width) ?? repeatText(" ", requireIndex(width));
  const [head = "", ...lines] = splitLines(str(binary("+", value, "\n")), false);
  const rest = lines.map((line) => `\n${line === "" && !blank ? "" : indention}${line}`);
  const text = (first ? indention : "") + head + joined(rest, "");
  return value instanceof Markup ? new Markup(text) : text;
}

function truncated(args: readonly PyValue[]): PyValue {
  const [value = null, stated = null, killsWords = null, end = null, stretch = null] = args;
  const length = requireIndex(stated);
  const leeway = stretch === null ? 5 : requireIndex(stretch);
  const endLength = lengthOf(end);
  if (length < endLength)
    throw new PythonError("AssertionError", `expected length >= ${endLength}, got ${length}`);
  if (leeway < 0) throw new PythonError("AssertionError", `expected leeway >= 0, got ${leeway}`);
  if (lengthOf(value) <= length + leeway) return value;
  const cut = slice(value, null, length - endLength, null);
  if (isTrue(killsWords)) return binary("+", cut, end);
  const text = textOf(cut);
  if (text === null)
    throw new PythonError("AttributeError", `'${typeName(cut)}' object has no attribute 'rsplit'`);
  const at = text.lastIndexOf(" ");
  return binary("+", at === -1 ? cut : text.slice(0, at), end);
}

function formatted(value: PyValue, args: readonly PyValue[], kwargs: Kwargs): PyValue {
  if (args.length > 0 && kwargs.size > 0)
    throw new PythonError(
      "FilterArgumentError",
      "can't handle positional and keyword arguments at the same time",
    );
  const values = kwargs.size > 0 ? PyDict.ofTexts(kwargs) : new PyTuple(args);
  const format = softText(value);
  if (typeof format === "string") return percentFormat(format, values);
  return new Markup(percentFormat(format.text, values, escapeMarkup));
}

function withoutTags(text: string): string {
  const bare = withoutSpans(withoutSpans(text, "<!--", "-->"), "<", ">");
  return split(bare, null, -1)
    .join(" ")
    .replaceAll(/&(?:#(\d+)|#[xX]([\da-fA-F]+)|(amp|lt|gt|quot|apos|nbsp));/g, (_, decimal, hex, name) =>
      name === undefined
        ? String.fromCodePoint(decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal))
        : (namedEntities[name] ?? ""),
    );
}

/** The text without what stands from an `open` to the next `close`. */
function withoutSpans(text: string, open: string, close: string): string {
  let kept = "";
  for (let at = 0; ; ) {
    const start = text.indexOf(open, at);
    const end = start === -1 ? -1 : text.indexOf(close, start);
    if (end === -1) return kept + text.slice(at);
    kept += text.slice(at, start);
    at = end + close.length;
  }
}

const namedEntities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
};

function urlEncoded(value: PyValue): string {
  if (textOf(value) !== null || !isIterable(value)) return percentEncoded(str(value), false);
  const pairs = value instanceof PyDict ? new DictView(value, "dict_items") : value;
  return [...iterate(pairs)]
    .map((pair) => {
      const items = [...iterate(pair)];
      if (items.length !== 2) throw valueError(`expected pairs, got ${items.length} values`);
      return items.map((item) => percentEncoded(str(item), true)).join("=");
    })
    .join("&");
}

function percentEncoded(text: string, isQuery: boolean): string {
  const encoded = encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return isQuery ? encoded.replaceAll("%20", "+") : encoded.replaceAll("%2F", "/");
}

function xmlAttributes(value: PyValue, isSpaced: boolean): string {
  if (!(value instanceof PyDict)) throw typeError("xmlattr needs a mapping");
  const items: string[] = [];
  for (const [key, item] of value.entries()) {
    if (item === null || item instanceof Undefined) continue;
    const name = textOf(key);
    if (name === null) throw typeError("expected string or bytes-like object");
    if (/[ \t\n\r\f\v/>=]/.test(name)) throw valueError(`Invalid character in attribute name: ${repr(key)}`);
    items.push(`${escapeMarkup(key).text}="${escapeMarkup(item).text}"`);
  }
  const text = items.join(" ");
  return isSpaced && text !== "" ? ` ${text}` : text;
}

function fileSize(numBytes: number, isBinary: boolean): string {
  const base = isBinary ? 1024 : 1000;
  if (numBytes === 1) return "1 Byte";
  if (numBytes < base) return `${Math.trunc(numBytes)} Bytes`;
  const units = [..."KMGTPEZY"].map((letter) =>
    isBinary ? `${letter}iB` : `${letter === "K" ? "k" : letter}B`,
  );
  const found = units.findIndex((_, i) => numBytes < base ** (i + 2));
  const at = found === -1 ? units.length - 1 : found;
  return `${fixedText((base * numBytes) / base ** (at + 2), 1)} ${units[at]}`;
}
