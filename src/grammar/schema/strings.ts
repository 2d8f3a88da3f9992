/** @module Strings: lengths, patterns and formats. */

import type { Dfa } from "../expression/expression.ts";
import { characters, type Expression, repeat, rule, sequence, text } from "../expression/expression.ts";
import { acceptsNothing, anyCodePoint, complement, dfaOf, intersection } from "../regular/dfa.ts";
import { oneOfTexts, regexExpression } from "../regular/regex.ts";

const month = "(0[1-9]|1[0-2])";
/** Days that every month has, and the longer months. */
const day = `(${month}-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)`;
const date = `[0-9]{4}-${day}`;
const time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
const label = "[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?";
const hostname = `${label}(\\.${label}){0,3}`;
const octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const path = "(/[A-Za-z0-9._~-]*){0,8}";
const pointer = "(/[A-Za-z0-9._-]*){0,8}";
const hextet = "[0-9a-fA-F]{1,4}";

const uri = `[a-z][a-z0-9+-]{0,15}://${hostname}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~-]*){0,8}(\\?[A-Za-z0-9._~=&-]*)?(#[A-Za-z0-9._~-]*)?`;
const email = `[A-Za-z0-9_+-]+(\\.[A-Za-z0-9_+-]+){0,3}@${label}(\\.${label}){1,3}`;

/** Texts of each format; not all, but only such. Other formats are annotations, as the specification has it. */
const formats: Readonly<Record<string, string>> = {
  date,
  time,
  "date-time": `${date}T${time}`,
  duration:
    "P([0-9]{1,4}Y)?([0-9]{1,4}M)?[0-9]{1,4}D(T([0-9]{1,4}H)?([0-9]{1,4}M)?[0-9]{1,4}S)?|P[0-9]{1,4}W",
  uuid: "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
  ipv4: `${octet}(\\.${octet}){3}`,
  ipv6: `(${hextet}:){7}${hextet}|::(${hextet}:){0,5}${hextet}|${hextet}(:${hextet}){0,4}::${hextet}`,
  hostname,
  email,
  uri,
  "uri-reference": `${uri}|${path}(\\?[A-Za-z0-9._~=&-]*)?`,
  "uri-template": `${uri}(/\\{[A-Za-z0-9_]{1,32}\\}){0,4}`,
  iri: uri,
  "iri-reference": `${uri}|${path}`,
  "idn-email": email,
  "idn-hostname": hostname,
  "json-pointer": pointer,
  "relative-json-pointer": `(0|[1-9][0-9]?)(#|${pointer})`,
  regex: "[A-Za-z0-9_ -]*",
};

export interface StringBounds {
  readonly minLength: number;
  readonly maxLength: number | null;
  readonly patterns: readonly string[];
  readonly formats: readonly string[];
  /** Texts that it must not be, and patterns that must not match. */
  readonly excluded: readonly string[];
  readonly excludedPatterns: readonly string[];
}

/** The string with its quotes; null if there is none. */
export function stringExpression(bounds: StringBounds): Expression | null {
  const { minLength, maxLength, patterns, excluded, excludedPatterns } = bounds;
  if (maxLength !== null && maxLength < minLength) return null;
  const parts = [
    ...patterns.map((pattern) => dfaOf(regexExpression(pattern, { whole: false }))),
    ...bounds.formats.flatMap((name) => {
      const format = Object.hasOwn(formats, name) ? formats[name] : undefined;
      return format === undefined ? [] : [dfaOf(regexExpression(format, { whole: true }))];
    }),
    ...(excluded.length === 0 ? [] : [complement(dfaOf(oneOfTexts(excluded)))]),
    ...excludedPatterns.map((pattern) => complement(dfaOf(regexExpression(pattern, { whole: false })))),
  ];
  if (parts.length === 0) {
    if (minLength === 0 && maxLength === null) return rule("string");
    return quoted(repeat(rule("character"), minLength, maxLength));
  }
  if (minLength > 0 || maxLength !== null)
    parts.push(dfaOf(repeat(characters(anyCodePoint), minLength, maxLength)));
  const dfa = parts.reduce(intersection);
  return acceptsNothing(dfa) ? null : quotedDfa(dfa);
}

const quoted = (inner: Expression): Expression => sequence(text('"'), inner, text('"'));

export function quotedDfa(dfa: Dfa): Expression {
  return quoted({ kind: "dfa", dfa, inJsonString: true });
}
