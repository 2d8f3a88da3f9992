/** @module How a template can fail: by itself, on these values, or because this interpreter does not go further. */

/** The template does not parse or does not compile, as Jinja's `TemplateSyntaxError`. */
export class TemplateSyntaxError extends Error {
  override readonly name = "TemplateSyntaxError";
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** The template called `raise_exception`. */
export class TemplateRefusal extends Error {
  override readonly name = "TemplateRefusal";
}

/** A bound of this interpreter was reached, or something that it does not have was asked of it. */
export class TemplateLimitError extends Error {
  override readonly name = "TemplateLimitError";
}

export type PythonErrorType =
  | "AssertionError"
  | "AttributeError"
  | "FilterArgumentError"
  | "IndexError"
  | "KeyError"
  | "OverflowError"
  | "RuntimeError"
  | "SecurityError"
  | "TemplateRuntimeError"
  | "TypeError"
  | "UndefinedError"
  | "ValueError"
  | "ZeroDivisionError";

/** An exception that Python or Jinja would raise while rendering. */
export class PythonError extends Error {
  override readonly name = "PythonError";
  readonly type: PythonErrorType;

  constructor(type: PythonErrorType, message: string) {
    super(message);
    this.type = type;
  }
}

/** Whether `cause` is a Python exception of one of `types`. */
export function isPythonError(cause: unknown, ...types: readonly PythonErrorType[]): cause is PythonError {
  return cause instanceof PythonError && types.includes(cause.type);
}

export const typeError = (message: string): PythonError => new PythonError("TypeError", message);
export const valueError = (message: string): PythonError => new PythonError("ValueError", message);
