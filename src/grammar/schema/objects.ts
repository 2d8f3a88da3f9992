/** @module Objects: their members in the order of the schema, then those that it does not name. */

import type { Dfa } from "../expression/expression.ts";
import {
  characters,
  choice,
  type Expression,
  nothing,
  optional,
  repeat,
  rule,
  sequence,
  text,
} from "../expression/expression.ts";
import { GrammarFault } from "../expression/fault.ts";
import { acceptsNothing, anyCodePoint, complement, dfaOf, intersection } from "../regular/dfa.ts";
import { oneOfTexts, regexExpression } from "../regular/regex.ts";
import { blank, colon, separator } from "./json-text.ts";
import { propertySchema } from "./merge-schemas.ts";
import { isSchemaObject, type Schema, type SchemaObject } from "./schema-types.ts";
import { quotedDfa } from "./strings.ts";

/** What object schemas need of the compiler. */
export interface ValueCompiler {
  /** null: no value is valid. */
  value(schema: Schema, place: string): Expression | null;
  /** Makes `expression` a rule of its own, and returns the call. */
  named(expression: Expression): Expression;
}

interface Member {
  readonly isRequired: boolean;
  /** null: it must not occur. */
  readonly expression: Expression | null;
}

const mostPatterns = 4;
const mostCounted = 64;

/** The object with its braces; null if there is none. */
export function objectExpression(
  schema: SchemaObject,
  place: string,
  compiler: ValueCompiler,
): Expression | null {
  const required = new Set(listOf(schema.required).map(String));
  const properties = isSchemaObject(schema.properties) ? schema.properties : {};
  const names = [...new Set([...Object.keys(properties), ...required])];
  const nameDfa = namesDfa(schema.propertyNames);
  const members = names.map((name): Member => {
    const value = isNameAllowed(nameDfa, name)
      ? compiler.value(asSchema(propertySchema(schema, name), `${place}.${name}`), `${place}.${name}`)
      : null;
    return {
      isRequired: required.has(name),
      expression: value === null ? null : compiler.named(sequence(text(JSON.stringify(name)), colon, value)),
    };
  });
  if (members.some(({ isRequired, expression }) => isRequired && expression === null)) return null;
  const usable = members.filter(({ expression }) => expression !== null);
  const additional = additionalMember(schema, names, nameDfa, place, compiler);
  const inner = memberList(usable, additional, countBounds(schema), compiler);
  return inner === null ? null : sequence(text("{"), blank, inner, text("}"));
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function asSchema(value: unknown, place: string): Schema {
  if (typeof value === "boolean" || isSchemaObject(value)) return value;
  throw new GrammarFault(`The schema at ${place} is neither an object nor a boolean.`, "Correct the schema.");
}

/** Names that `propertyNames` allows; null: all. */
function namesDfa(propertyNames: unknown): Dfa | null {
  if (propertyNames === undefined || propertyNames === true) return null;
  if (!isSchemaObject(propertyNames)) throw unsupported("propertyNames");
  const { pattern, minLength, maxLength, enum: values, type, ...others } = propertyNames;
  if (Object.keys(others).length > 0 || (type !== undefined && type !== "string"))
    throw unsupported("propertyNames");
  const parts: Expression[] = [pattern ?? []]
    .flat()
    .map((one) => regexExpression(String(one), { whole: false }));
  if (Array.isArray(values)) parts.push(oneOfTexts(values.filter((value) => typeof value === "string")));
  if (minLength !== undefined || maxLength !== undefined)
    parts.push(
      repeat(
        characters(anyCodePoint),
        Number(minLength ?? 0),
        maxLength === undefined ? null : Number(maxLength),
      ),
    );
  return parts.length === 0 ? null : parts.map(dfaOf).reduce(intersection);
}

function unsupported(keyword: string): GrammarFault {
  return new GrammarFault(`'${keyword}' of this form cannot be enforced.`, `Leave '${keyword}' out.`);
}

function isNameAllowed(dfa: Dfa | null, name: string): boolean {
  return dfa === null || !acceptsNothing(intersection(dfa, dfaOf(oneOfTexts([name]))));
}

interface CountBounds {
  readonly min: number;
  readonly max: number | null;
}

function countBounds({ minProperties, maxProperties }: SchemaObject): CountBounds {
  return {
    min: typeof minProperties === "number" ? minProperties : 0,
    max: typeof maxProperties === "number" ? maxProperties : null,
  };
}

/** A member whose name the schema does not list; null: there must be none. */
function additionalMember(
  schema: SchemaObject,
  names: readonly string[],
  nameDfa: Dfa | null,
  place: string,
  compiler: ValueCompiler,
): Expression | null {
  const patterns = Object.entries(isSchemaObject(schema.patternProperties) ? schema.patternProperties : {});
  const rest = asSchema(schema.additionalProperties ?? true, place);
  if (patterns.length > mostPatterns)
    throw new GrammarFault(
      `'patternProperties' has ${patterns.length} patterns, and at most ${mostPatterns} can be enforced.`,
      "Use fewer patterns.",
    );
  if (names.length === 0 && patterns.length === 0 && nameDfa === null && rest !== false) {
    const value = compiler.value(rest, `${place}.*`);
    return value === null ? null : compiler.named(sequence(rule("string"), colon, value));
  }
  const listed = names.length === 0 ? null : complement(dfaOf(oneOfTexts(names)));
  const dfas = patterns.map(([pattern]) => dfaOf(regexExpression(pattern, { whole: false })));
  const options: Expression[] = [];
  for (let matched = 0; matched < 2 ** patterns.length; matched++) {
    const own = patterns.filter((_, i) => (matched >> i) % 2 === 1).map(([, value]) => value);
    const value = own.length === 0 ? rest : { allOf: own };
    if (value === false) continue;
    const parts = dfas.map((dfa, i) => ((matched >> i) % 2 === 1 ? dfa : complement(dfa)));
    const all = [listed, nameDfa, ...parts].filter((dfa) => dfa !== null);
    const dfa = all.length === 0 ? null : all.reduce(intersection);
    if (dfa !== null && acceptsNothing(dfa)) continue;
    const expression = compiler.value(asSchema(value, place), `${place}.*`);
    if (expression !== null)
      options.push(sequence(dfa === null ? rule("string") : quotedDfa(dfa), colon, expression));
  }
  return options.length === 0 ? null : compiler.named(choice(...options));
}

/**
 * Members in order, each optional one there or not. `count` members were there before; where the number of members has no
 * bound, only whether there was one counts. Names that the schema does not list may come twice, and then count once: so they
 * count as one together towards a minimum, and each towards a maximum.
 */
function memberList(
  members: readonly Member[],
  additional: Expression | null,
  { min, max }: CountBounds,
  compiler: ValueCompiler,
): Expression | null {
  const numRequired = members.filter(({ isRequired }) => isRequired).length;
  const needsCount = min > Math.max(numRequired, 1) || max !== null;
  const most = needsCount ? Math.max(min, max ?? 0) : 1;
  if (most > mostCounted)
    throw new GrammarFault(
      `'${max === null ? "minProperties" : "maxProperties"}' is ${most}, and at most ${mostCounted} can be enforced.`,
      "Use a smaller number.",
    );
  const known = new Map<string, Expression | null>();
  const from = (index: number, count: number): Expression | null => {
    const key = `${index},${count}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = build(index, count);
    const named = made === null ? null : compiler.named(made);
    known.set(key, named);
    return named;
  };
  const counted = (count: number): number => (needsCount ? count + 1 : 1);
  const leastNow = needsCount ? min : Math.min(min, 1);
  const build = (index: number, count: number): Expression | null => {
    const member = members[index];
    if (member === undefined) return rest(count);
    const options: Expression[] = [];
    if (max === null || count < max) {
      const after = from(index + 1, counted(count));
      if (after !== null && member.expression !== null)
        options.push(sequence(count > 0 ? separator : nothing, member.expression, after));
    }
    if (!member.isRequired) {
      const without = from(index + 1, count);
      if (without !== null) options.push(without);
    }
    return options.length === 0 ? null : choice(...options);
  };
  const rest = (count: number): Expression | null => {
    const mostMore = max === null ? null : max - count;
    const isEnough = count >= leastNow;
    if (additional === null || mostMore === 0) return isEnough ? (count > 0 ? blank : nothing) : null;
    if (!isEnough && count + 1 < leastNow) return null;
    const more = sequence(
      count > 0 ? separator : nothing,
      additional,
      repeat(sequence(separator, additional), 0, mostMore === null ? null : mostMore - 1),
    );
    if (!isEnough) return sequence(more, blank);
    return count > 0 ? sequence(optional(more), blank) : optional(sequence(more, blank));
  };
  return from(0, 0);
}
