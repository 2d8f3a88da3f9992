/** @module What filters and tests are given of the render they run in. */
import { boundArguments, type ParameterSpec } from "../operations/arguments.ts";
import type { Kwargs, PyValue } from "../values/values.ts";

export interface RenderEnvironment {
  /** Within `{% autoescape true %}`. */
  readonly autoescape: boolean;
  /** Throws TemplateRuntimeError where there is no filter of that name. */
  applyFilter(name: PyValue, value: PyValue, args: readonly PyValue[], kwargs: Kwargs): PyValue;
  applyTest(name: PyValue, value: PyValue, args: readonly PyValue[], kwargs: Kwargs): PyValue;
  hasFilter(name: PyValue): boolean;
  hasTest(name: PyValue): boolean;
}

/** A filter or a test; the value that it is applied to is the first argument. */
export type Operation = (environment: RenderEnvironment, args: readonly PyValue[], kwargs: Kwargs) => PyValue;

export type OperationTable = Readonly<Record<string, Operation>>;

/** An operation whose arguments are bound to `parameters`. */
export function operation(
  name: string,
  parameters: readonly ParameterSpec[],
  call: (args: readonly PyValue[], environment: RenderEnvironment) => PyValue,
): Operation {
  return (environment, args, kwargs) => call(boundArguments(name, parameters, args, kwargs), environment);
}
