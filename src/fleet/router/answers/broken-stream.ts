/** @module What a client reads last whose streamed answer broke off between two processes. */

import { namedErrorEvent } from "../../../api/messages/message-error.ts";
import { errorLine } from "../../../api/ollama/ollama-error.ts";
import { responseErrorEvent } from "../../../api/responses/response-error.ts";
import { errorEvent } from "../../../api/stream-text.ts";
import type { ForwardedAnswer } from "../../../core/endpoint.ts";
import { PagodaError } from "../../../core/errors.ts";

/** The error in the form that streams of `path` have. */
export function brokenStreamText(path: string, error: PagodaError): string {
  if (path.startsWith("/api/")) return errorLine(error);
  if (path.startsWith("/v1/messages")) return namedErrorEvent(error);
  if (path.startsWith("/v1/responses")) return responseErrorEvent(error, null);
  return errorEvent(error);
}

const streamTypes = /^(?:text\/event-stream|application\/x-ndjson)/;

export const isStreamed = ({ headers }: ForwardedAnswer): boolean =>
  streamTypes.test(String(headers["content-type"]));

export function brokenStream(endpointId: string, cause: string): PagodaError {
  return new PagodaError("engine_failed", `The instance ${endpointId} ended while it answered: ${cause}.`, {
    hint: "Send the request again: another instance will answer it.",
  });
}
