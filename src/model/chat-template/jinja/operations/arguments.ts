/** @module Arguments of a call brought into the order of a function's parameters. */
import { typeError } from "../values/errors.ts";
import { repr } from "../values/printing.ts";
import { type Kwargs, type PyValue, textOf, typeName } from "../values/values.ts";

/** A parameter's name and, where it has one, its default. */
export type ParameterSpec = readonly [name: string] | readonly [name: string, fallback: PyValue];

/** One value for each parameter. Throws TypeError where one is missing, given twice or not known. */
export function boundArguments(
  functionName: string,
  parameters: readonly ParameterSpec[],
  args: readonly PyValue[],
  kwargs: Kwargs,
): readonly PyValue[] {
  if (args.length > parameters.length)
    throw typeError(
      `${functionName}() takes ${parameters.length} positional arguments but ${args.length} were given`,
    );
  for (const name of kwargs.keys()) assertFree(functionName, parameters, args.length, name);
  return parameters.map(([name, ...fallback], i) => {
    const value = args[i] ?? (i < args.length ? null : kwargs.get(name));
    if (value !== undefined) return value;
    const [byDefault] = fallback;
    if (byDefault === undefined)
      throw typeError(`${functionName}() missing a required argument: ${repr(name)}`);
    return byDefault;
  });
}

function assertFree(
  functionName: string,
  parameters: readonly ParameterSpec[],
  numPositional: number,
  name: string,
): void {
  const at = parameters.findIndex(([parameter]) => parameter === name);
  if (at === -1) throw typeError(`${functionName}() got an unexpected keyword argument '${name}'`);
  if (at < numPositional) throw typeError(`${functionName}() got multiple values for argument '${name}'`);
}

/** A value that must be a `str`. */
export function requireText(value: PyValue, what: string): string {
  const text = textOf(value);
  if (text === null) throw typeError(`${what} must be str, not ${typeName(value)}`);
  return text;
}

/** A value that Python takes for an index: an int or a bool. */
export function requireIndex(value: PyValue): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  throw typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
}
