/** @module The difference of two snapshots, as the event stream sends it, and how a reader applies it. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };
type JsonObject = { readonly [name: string]: Json };

/**
 * `changed` has the shape of the snapshot and only what differs: objects are merged name by name, everything else
 * (numbers, texts, null, whole arrays) replaces what was there. `removed` lists the paths of names that are gone.
 */
export interface Delta {
  readonly changed: JsonObject;
  readonly removed: readonly (readonly string[])[];
}

export function deltaBetween(before: JsonObject, after: JsonObject): Delta {
  const removed: string[][] = [];
  return { changed: changedIn(before, after, [], removed) ?? {}, removed };
}

/** A new value; parts that did not change are the same objects as in `before`. */
export function applyDelta<Value>(before: Value, { changed, removed }: Delta): Value {
  let value = merged(before as Json, changed);
  for (const path of removed) value = without(value, path);
  return value as Value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function changedIn(
  before: JsonObject,
  after: JsonObject,
  path: readonly string[],
  removed: string[][],
): JsonObject | null {
  const changed: Record<string, Json> = {};
  let hasChanged = false;
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) removed.push([...path, name]);
  for (const [name, value] of Object.entries(after)) {
    const known = Object.hasOwn(before, name) ? before[name] : undefined;
    if (isObject(known) && isObject(value)) {
      const inside = changedIn(known, value, [...path, name], removed);
      if (inside === null) continue;
      changed[name] = inside;
    } else {
      if (isEqual(known, value)) continue;
      changed[name] = value;
    }
    hasChanged = true;
  }
  return hasChanged ? changed : null;
}

function isEqual(a: Json | undefined, b: Json): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => isEqual(item as Json, b[i] as Json));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isEqual(a[name], b[name] as Json))
  );
}

function merged(before: Json, changed: Json): Json {
  if (!isObject(changed)) return changed;
  const result: Record<string, Json> = isObject(before) ? { ...before } : {};
  for (const [name, value] of Object.entries(changed))
    result[name] = merged(Object.hasOwn(result, name) ? (result[name] as Json) : null, value);
  return result;
}

function without(value: Json, path: readonly string[]): Json {
  const [name, ...rest] = path;
  if (name === undefined || !isObject(value) || !Object.hasOwn(value, name)) return value;
  const { [name]: inner, ...others } = value;
  return rest.length === 0 ? others : { ...value, [name]: without(inner as Json, rest) };
}
