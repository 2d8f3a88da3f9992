/** @module Keywords that say something about other keywords, as combinations of schemas. */
import { GrammarFault } from "../expression/fault.ts";
import { areDisjoint } from "./disjoint.ts";
import { negated } from "./negated.ts";
import { isSchemaObject, type Schema, type SchemaObject } from "./schema-types.ts";

/** `if`, `then`, `else` and the keywords of dependence, as `allOf` and `anyOf`; null where there are none. */
export function withoutConditions(schema: SchemaObject): SchemaObject | null {
  const {
    if: condition,
    then: consequence = true,
    else: alternative = true,
    dependentRequired = {},
    dependentSchemas = {},
    dependencies = {},
    ...others
  } = schema;
  const parts: Schema[] = [];
  if (condition !== undefined && !(consequence === true && alternative === true)) {
    const unless = negated(condition as Schema);
    if (unless === null) throw cannot("if");
    parts.push({ anyOf: [{ allOf: [condition, consequence] }, { allOf: [unless, alternative] }] });
  }
  for (const table of [dependentRequired, dependentSchemas, dependencies])
    for (const [name, needed] of Object.entries(isSchemaObject(table) ? table : {})) {
      const then: Schema = Array.isArray(needed) ? { required: needed } : (needed as Schema);
      // Only objects can have the property.
      parts.push({ anyOf: [{ properties: { [name]: false } }, then] });
    }
  const hadSome = conditional.some((keyword) => keyword in schema);
  if (!hadSome) return null;
  const allOf = [...(Array.isArray(others.allOf) ? others.allOf : []), ...parts];
  return allOf.length === 0 ? others : { ...others, allOf };
}

const conditional = ["if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"];

/** `not` as the schema of what is left. */
export function withoutNot({ not, ...others }: SchemaObject): SchemaObject {
  const rest = negated(not as Schema);
  if (rest === null) throw cannot("not");
  return { ...others, allOf: [...(Array.isArray(others.allOf) ? others.allOf : []), rest] };
}

/** Options of `oneOf` of which at most one can hold: those that overlap with others without what the others allow. */
export function exclusiveOptions(options: readonly Schema[]): readonly Schema[] {
  return options.map((option, i) => {
    const others = options.filter((other, j) => i !== j && !areDisjoint(option, other));
    if (others.length === 0) return option;
    const without = others.map((other) => negated(other));
    if (without.includes(null))
      throw new GrammarFault(
        "'oneOf' has options that may hold at the same time, which cannot be enforced.",
        "Use 'anyOf', or give the options different types or a required property of different values.",
      );
    return { allOf: [option, ...(without as Schema[])] };
  });
}

function cannot(keyword: string): GrammarFault {
  return new GrammarFault(
    `'${keyword}' of this form cannot be enforced.`,
    "Say what is allowed in its place.",
  );
}
