/** @module Errors of /api/…, in Ollama's shape: `{"error": "text"}`. */
import type { PagodaError } from "../../core/errors.ts";
import { errorBody } from "../error.ts";

export function ollamaErrorBody(error: PagodaError): { readonly error: string } {
  return { error: errorBody(error).error.message };
}

/** The error that ended an answer, as its last line. */
export function errorLine(error: PagodaError): string {
  return `${JSON.stringify(ollamaErrorBody(error))}\n`;
}
