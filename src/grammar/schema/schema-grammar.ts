/**
 * @module A JSON Schema as a grammar of its valid JSON texts. It is exact in one direction: every text of the grammar is
 * valid. What cannot be enforced is refused by its keyword and never ignored.
 */

import { networkOf } from "../automaton/network.ts";
import { Recognizer } from "../automaton/recognizer.ts";
import { choice, type Expression, type Grammar, rule, text } from "../expression/expression.ts";
import { GrammarFault } from "../expression/fault.ts";
import { arrayExpression } from "./arrays.ts";
import { type JsonType, jsonRules, jsonTypes } from "./json-text.ts";
import { mergedSchemas } from "./merge-schemas.ts";
import { numberExpression } from "./numbers.ts";
import { objectExpression, type ValueCompiler } from "./objects.ts";
import { References } from "./references.ts";
import { exclusiveOptions, withoutConditions, withoutNot } from "./rewritten.ts";
import { annotations, isEqualJson, isSchemaObject, type Schema, type SchemaObject } from "./schema-types.ts";
import { stringExpression } from "./strings.ts";

/** Keywords that are enforced, by the type of value that they are about. */
const ofType: Readonly<Record<string, readonly string[]>> = {
  string: ["minLength", "maxLength", "pattern", "format"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  array: ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"],
  object: [
    "properties",
    "patternProperties",
    "additionalProperties",
    "required",
    "minProperties",
    "maxProperties",
    "propertyNames",
  ],
};
const enforced: ReadonlySet<string> = new Set([
  ...Object.values(ofType).flat(),
  "type",
  "enum",
  "const",
  "anyOf",
  "oneOf",
  "allOf",
  "not",
  "$ref",
  "unevaluatedProperties",
  "unevaluatedItems",
]);
const deepest = 64;
const mostRules = 20_000;
const encoder = new TextEncoder();

/** Throws GrammarFault, which names the keyword, for what cannot be enforced. */
export function schemaGrammar(schema: unknown): Grammar {
  const compiler = new SchemaCompiler(schema);
  return { rules: compiler.rules, root: compiler.root };
}

/** Any JSON object. */
export function jsonObjectGrammar(): Grammar {
  return { rules: jsonRules, root: "object" };
}

class SchemaCompiler implements ValueCompiler {
  readonly rules = new Map<string, Expression>(jsonRules);
  readonly root = "root";
  readonly #references: References;
  /** Names of the rules of targets of references. */
  readonly #ofReference = new Map<string, string>();
  #depth = 0;
  #numRules = 0;

  constructor(schema: unknown) {
    this.#references = new References(schema);
    const root = this.value(checkedSchema(schema, "the root"), "$");
    if (root === null) throw new GrammarFault("No value is valid against the schema.", "Correct the schema.");
    this.rules.set(this.root, root);
  }

  named(expression: Expression): Expression {
    if (expression.kind === "rule" || expression.kind === "text") return expression;
    const name = `#${this.#numRules++}`;
    if (this.#numRules > mostRules)
      throw new GrammarFault(`The schema makes more than ${mostRules} rules.`, "Send a smaller schema.");
    this.rules.set(name, expression);
    return rule(name);
  }

  value(schema: Schema, place: string): Expression | null {
    if (schema === true) return rule("value");
    if (schema === false) return null;
    if (++this.#depth > deepest)
      throw new GrammarFault(
        `The schema is nested more than ${deepest} deep at ${place}.`,
        "Use '$ref' for recursion.",
      );
    const made = this.#object(schema, place);
    this.#depth--;
    return made;
  }

  #object(schema: SchemaObject, place: string): Expression | null {
    refuseUnknown(schema);
    refuseHiddenEvaluation(schema);
    const { $ref: reference, ...others } = schema;
    if (reference !== undefined) return this.#reference(reference, others, place);
    const plain = withoutConditions(schema);
    if (plain !== null) return this.value(plain, place);
    if (schema.not !== undefined) return this.value(withoutNot(schema), place);
    if (schema.allOf !== undefined) return this.value(this.#withAllOf(schema), place);
    for (const keyword of ["anyOf", "oneOf"] as const)
      if (schema[keyword] !== undefined) return this.#options(schema, keyword, place);
    const closed = withUnevaluated(schema) as SchemaObject;
    if (closed.enum !== undefined || "const" in closed) return this.#literals(closed, place);
    return this.#byType(closed, place);
  }

  /** A reference alone is a call of a rule, so that it may be recursive; with others beside it, both hold. */
  #reference(reference: unknown, others: SchemaObject, place: string): Expression | null {
    const key = this.#references.keyOf(reference);
    const target = checkedSchema(this.#references.resolve(key), key);
    if (Object.keys(others).some((keyword) => !annotations.has(keyword)))
      return this.value(mergedSchemas(withUnevaluated(this.#flat(target)), this.#flat(others)), place);
    const known = this.#ofReference.get(key);
    if (known !== undefined) return rule(known);
    const name = `ref:${key}`;
    this.#ofReference.set(key, name);
    const depth = this.#depth;
    this.#depth = 0;
    const made = this.value(target, key);
    this.#depth = depth;
    // A rule without texts: whatever needs it has none either.
    this.rules.set(name, made ?? { kind: "characters", ranges: [] });
    return made === null ? null : rule(name);
  }

  /** References and `allOf` resolved, as far as they stand at the top. */
  #flat(schema: Schema): Schema {
    let flat = schema;
    for (let i = 0; i < deepest; i++) {
      if (!isSchemaObject(flat)) return flat;
      refuseHiddenEvaluation(flat);
      const { $ref: reference, ...others } = flat;
      if (reference !== undefined) {
        const target = checkedSchema(
          this.#references.resolve(this.#references.keyOf(reference)),
          String(reference),
        );
        flat = mergedSchemas(withUnevaluated(target), others);
      } else if (withoutConditions(flat) !== null) flat = withoutConditions(flat) as Schema;
      else if (flat.not !== undefined) flat = withoutNot(flat);
      else if (flat.allOf !== undefined) flat = this.#withAllOf(flat);
      else return flat;
    }
    throw new GrammarFault("'$ref' leads in a circle.", "Correct the schema.");
  }

  #withAllOf({ allOf, ...others }: SchemaObject): Schema {
    const parts = nonEmptyList(allOf, "allOf").map((part) => this.#flat(checkedSchema(part, "allOf")));
    // What a part leaves unevaluated is decided within the part.
    return parts.map(withUnevaluated).reduce(mergedSchemas, others as Schema);
  }

  #options(schema: SchemaObject, keyword: "anyOf" | "oneOf", place: string): Expression | null {
    const { [keyword]: list, ...others } = schema;
    const stated = nonEmptyList(list, keyword).map((option) =>
      withUnevaluated(this.#flat(checkedSchema(option, keyword))),
    );
    const options = keyword === "oneOf" ? exclusiveOptions(stated) : stated;
    const base = this.#flat(others);
    const merged = options.map((option) => mergedSchemas(base, this.#flat(option)));
    const made = merged.map((option, i) => this.value(option, `${place}|${i}`)).filter((one) => one !== null);
    return made.length === 0 ? null : choice(...made.map((one) => this.named(one)));
  }

  /** Those of the listed values that the other keywords allow too. */
  #literals(schema: SchemaObject, place: string): Expression | null {
    const { enum: listed, const: value, ...others } = schema;
    const values: readonly unknown[] = "const" in schema ? [value] : nonEmptyList(listed, "enum");
    const inEnum =
      listed === undefined
        ? values
        : values.filter((one) => nonEmptyList(listed, "enum").some((other) => isEqualJson(one, other)));
    const kept = inEnum.filter((one) => !listOf(others.$notEnum).some((other) => isEqualJson(one, other)));
    const hasOthers = Object.keys(others).some((keyword) => !annotations.has(keyword));
    const allowed = hasOthers ? this.#valid(kept, others, place) : kept;
    if (allowed.length === 0) return null;
    return choice(...allowed.map((one) => text(JSON.stringify(one))));
  }

  #valid(values: readonly unknown[], schema: SchemaObject, place: string): readonly unknown[] {
    const made = this.value(schema, place);
    if (made === null) return [];
    const recognizer = new Recognizer(
      networkOf({ rules: new Map([...this.rules, ["root", made]]), root: "root" }),
      Number.POSITIVE_INFINITY,
    );
    return values.filter((value) => {
      const end = recognizer.advance(recognizer.start(), encoder.encode(JSON.stringify(value)));
      return end?.isAccepting === true;
    });
  }

  #byType(schema: SchemaObject, place: string): Expression | null {
    const types = typesOf(schema);
    const isInteger = types.includes("integer") && !types.includes("number");
    const wanted = jsonTypes.filter((type) => types.includes(type) || (type === "number" && isInteger));
    const hasKeywords = Object.values(ofType).some((keywords) =>
      keywords.some((keyword) => keyword in schema),
    );
    if (wanted.length === jsonTypes.length && !hasKeywords) return rule("value");
    const made = wanted
      .map((type) => this.#ofOneType(type, schema, isInteger, place))
      .filter((one) => one !== null);
    return made.length === 0 ? null : choice(...made);
  }

  #ofOneType(type: JsonType, schema: SchemaObject, isInteger: boolean, place: string): Expression | null {
    const excluded = listOf(schema.$notEnum);
    const isExcluded = (value: unknown): boolean => excluded.includes(value);
    if (
      type !== "string" &&
      excluded.some((value) => isOfType(value, type) && typeof value !== "boolean" && value !== null)
    )
      throw new GrammarFault(
        `A single ${type} cannot be excluded, which 'not', 'if' or 'oneOf' asks for.`,
        "Say what is allowed in its place.",
      );
    switch (type) {
      case "null":
        return isExcluded(null) ? null : text("null");
      case "boolean": {
        const values = [true, false].filter((value) => !isExcluded(value));
        return values.length === 0 ? null : choice(...values.map((value) => text(String(value))));
      }
      case "string":
        return stringExpression({
          minLength: numberOf(schema, "minLength") ?? 0,
          maxLength: numberOf(schema, "maxLength"),
          patterns: [schema.pattern ?? []].flat().map(String),
          formats: [schema.format ?? []].flat().map(String),
          excluded: listOf(schema.$notEnum).filter((value) => typeof value === "string"),
          excludedPatterns: listOf(schema.$notPattern).map(String),
        });
      case "number":
        return this.#number(schema, isInteger);
      case "array":
        if (!ofType.array?.some((keyword) => keyword in schema)) return rule("array");
        return arrayExpression(withTuple(schema), place, this);
      case "object":
        if (!ofType.object?.some((keyword) => keyword in schema)) return rule("object");
        return objectExpression(schema, place, this);
    }
  }

  #number(schema: SchemaObject, isInteger: boolean): Expression | null {
    const bounds = numberBounds(schema);
    if (bounds.min === null && bounds.max === null && bounds.multipleOf === null)
      return rule(isInteger ? "integer" : "number");
    return numberExpression({ ...bounds, isInteger });
  }
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function isOfType(value: unknown, type: JsonType): boolean {
  if (value === null) return type === "null";
  return Array.isArray(value) ? type === "array" : typeof value === type;
}

function checkedSchema(value: unknown, place: string): Schema {
  if (typeof value === "boolean" || isSchemaObject(value)) return value;
  throw new GrammarFault(`The schema at ${place} is neither an object nor a boolean.`, "Correct the schema.");
}

function nonEmptyList(value: unknown, keyword: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  throw new GrammarFault(`'${keyword}' is not a list with at least one entry.`, `Correct '${keyword}'.`);
}

/** Keywords of the specification (and unknown ones that look like such) must not be ignored in silence. */
function refuseUnknown(schema: SchemaObject): void {
  for (const keyword of Object.keys(schema))
    if (
      known.has(keyword) &&
      !enforced.has(keyword) &&
      !(keyword in withoutContains && !("contains" in schema))
    )
      throw new GrammarFault(
        `The keyword '${keyword}' cannot be enforced.`,
        `Leave '${keyword}' out of the schema.`,
      );
}

/** Assertions and applicators of the drafts 4 to 2020-12 that no grammar is made of. */
const unenforced = ["contains", "minContains", "maxContains", "$dynamicRef", "$recursiveRef"] as const;
/** Without `contains` they say nothing. */
const withoutContains: Readonly<Record<string, true>> = { minContains: true, maxContains: true };
const known: ReadonlySet<string> = new Set([...unenforced, ...enforced]);

function typesOf(schema: SchemaObject): readonly string[] {
  if (schema.type === undefined) return [...jsonTypes];
  const types = [schema.type].flat();
  const strange = types.find((type) => type !== "integer" && !jsonTypes.some((one) => one === type));
  if (strange !== undefined)
    throw new GrammarFault(
      `'type' is ${JSON.stringify(strange)}, which is no type of JSON.`,
      "Correct 'type'.",
    );
  return types as string[];
}

function numberOf(schema: SchemaObject, keyword: string): number | null {
  const value = schema[keyword];
  if (value === undefined) return null;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new GrammarFault(`'${keyword}' is not a number.`, `Correct '${keyword}'.`);
}

/** The stricter of each pair; in draft 4, `exclusiveMinimum: true` says that `minimum` itself is excluded. */
function numberBounds(schema: SchemaObject) {
  const side = (plain: string, exclusive: string, isStricter: (a: number, b: number) => boolean) => {
    const bound = numberOf(schema, plain);
    if (typeof schema[exclusive] === "boolean")
      return { bound, isExcluded: bound !== null && schema[exclusive] === true };
    const excluded = numberOf(schema, exclusive);
    if (excluded !== null && (bound === null || !isStricter(bound, excluded)))
      return { bound: excluded, isExcluded: true };
    return { bound, isExcluded: false };
  };
  const low = side("minimum", "exclusiveMinimum", (a, b) => a > b);
  const high = side("maximum", "exclusiveMaximum", (a, b) => a < b);
  return {
    min: low.bound,
    isMinExcluded: low.isExcluded,
    max: high.bound,
    isMaxExcluded: high.isExcluded,
    multipleOf: numberOf(schema, "multipleOf"),
  };
}

/** Once references and combinations are resolved, what is not evaluated is what no keyword names. */
function withUnevaluated(given: Schema): Schema {
  if (!isSchemaObject(given)) return given;
  const { unevaluatedProperties, unevaluatedItems, ...schema } = given;
  return {
    ...schema,
    ...(unevaluatedProperties === undefined || "additionalProperties" in schema
      ? {}
      : { additionalProperties: unevaluatedProperties }),
    ...(unevaluatedItems === undefined || "items" in schema ? {} : { items: unevaluatedItems }),
  };
}

/** What these evaluate would have to be told apart from what stands beside them. */
const hidesEvaluation = ["not", "if", "oneOf", "dependentSchemas", "dependencies"] as const;

function refuseHiddenEvaluation(schema: SchemaObject): void {
  for (const keyword of ["unevaluatedProperties", "unevaluatedItems"] as const) {
    if (!(keyword in schema) || schema[keyword] === true) continue;
    const hidden =
      keyword === "unevaluatedItems" ? ([...hidesEvaluation, "anyOf"] as const) : hidesEvaluation;
    const beside = hidden.find((one) => one in schema);
    if (beside !== undefined)
      throw new GrammarFault(
        `'${keyword}' beside '${beside}' cannot be enforced.`,
        "Close each schema by itself with 'additionalProperties' or 'items'.",
      );
  }
}

/** Drafts before 2020-12 have lists in `items`, and `additionalItems` for the rest. */
function withTuple(schema: SchemaObject): SchemaObject {
  const max = numberOf(schema, "maxItems");
  if (schema.uniqueItems === true && (max === null || max > 1))
    throw new GrammarFault("'uniqueItems' cannot be enforced.", "Leave 'uniqueItems' out of the schema.");
  if (!Array.isArray(schema.items)) return schema;
  const { items, additionalItems = true, ...others } = schema;
  return { ...others, prefixItems: items, items: additionalItems };
}
