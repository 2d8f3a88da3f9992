/** @module Jinja's `Undefined`: printed as nothing, empty, false; everything else done with it fails. */
import { PythonError, type PythonErrorType } from "./errors.ts";
import { PyObject, type PyValue } from "./values.ts";

export class Undefined extends PyObject {
  readonly typeName = "Undefined";
  readonly #message: () => string;
  readonly #errorType: PythonErrorType;

  /** `message` says how the value came about. */
  constructor(message: () => string, errorType: PythonErrorType = "UndefinedError") {
    super();
    this.#message = message;
    this.#errorType = errorType;
  }

  static ofName(name: string): Undefined {
    return new Undefined(() => `'${name}' is undefined`);
  }

  /** What every operation on it but printing, looping and comparing throws. */
  error(): PythonError {
    return new PythonError(this.#errorType, this.#message());
  }
}

/** Throws where the value is undefined. */
export function assertDefined(value: PyValue): void {
  if (value instanceof Undefined) throw value.error();
}
