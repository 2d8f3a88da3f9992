/** @module Errors of /v1/messages, in Anthropic's shape: `{"type": "error", "error": {type, message}, "request_id"}`. */
import type { PagodaError } from "../../core/errors.ts";
import { errorBody, errorStatus } from "../error.ts";

export interface MessageErrorBody {
  readonly type: "error";
  readonly error: { readonly type: string; readonly message: string };
  readonly request_id: string | null;
}

const typesByStatus: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  502: "overloaded_error",
  503: "overloaded_error",
};

function typeOf(status: number): string {
  return typesByStatus[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

export function messageErrorBody(error: PagodaError, requestId: string | null): MessageErrorBody {
  const { message } = errorBody(error).error;
  return { type: "error", error: { type: typeOf(errorStatus(error)), message }, request_id: requestId };
}

/** The error that ends a stream. */
export function namedErrorEvent(error: PagodaError): string {
  return `event: error\ndata: ${JSON.stringify(messageErrorBody(error, null))}\n\n`;
}
