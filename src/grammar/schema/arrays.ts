/** @module Arrays: items by their place, and how many. */
import {
  choice,
  type Expression,
  nothing,
  optional,
  repeat,
  sequence,
  text,
} from "../expression/expression.ts";
import { blank, separator } from "./json-text.ts";
import type { ValueCompiler } from "./objects.ts";
import type { Schema, SchemaObject } from "./schema-types.ts";

/** The array with its brackets; null if there is none. */
export function arrayExpression(
  schema: SchemaObject,
  place: string,
  compiler: ValueCompiler,
): Expression | null {
  const prefix = (Array.isArray(schema.prefixItems) ? schema.prefixItems : []) as readonly Schema[];
  const min = typeof schema.minItems === "number" ? schema.minItems : 0;
  const stated = typeof schema.maxItems === "number" ? schema.maxItems : null;
  if (stated !== null && stated < min) return null;
  const first = prefix
    .slice(0, stated ?? prefix.length)
    .map((one, i) => compiler.value(one, `${place}[${i}]`));
  const rest =
    stated !== null && stated <= prefix.length
      ? null
      : compiler.value((schema.items ?? true) as Schema, `${place}[]`);
  // An item that can have no value ends the array before it.
  const blocked = first.indexOf(null);
  const fixed = first.slice(0, blocked === -1 ? first.length : blocked) as Expression[];
  const max = blocked !== -1 || rest === null ? Math.min(stated ?? fixed.length, fixed.length) : stated;
  if (max !== null && max < min) return null;
  const items = itemList(
    fixed.map((one) => compiler.named(one)),
    rest === null ? null : compiler.named(rest),
    min,
    max,
  );
  return sequence(text("["), blank, items, text("]"));
}

/** Built from the end: whether an item is there decides whether those after it may be. */
function itemList(
  fixed: readonly Expression[],
  rest: Expression | null,
  min: number,
  max: number | null,
): Expression {
  const numFixed = fixed.length;
  let tail: Expression = nothing;
  if (rest !== null && (max === null || max > numFixed)) {
    const least = Math.max(0, min - numFixed);
    const most = max === null ? null : max - numFixed;
    if (numFixed > 0) tail = repeat(sequence(separator, rest), least, most);
    else {
      const list = sequence(
        rest,
        repeat(sequence(separator, rest), Math.max(0, least - 1), most === null ? null : most - 1),
      );
      tail = least === 0 ? optional(list) : list;
    }
  }
  for (let i = numFixed - 1; i >= 0; i--) {
    const item = sequence(i > 0 ? separator : nothing, fixed[i] as Expression, tail);
    tail = i < min ? item : optional(item);
  }
  return max === 0 ? nothing : choice(sequence(tail, blank));
}
