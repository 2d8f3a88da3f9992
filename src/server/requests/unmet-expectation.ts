/** @module Requests with an `Expect` that is not 100-continue: Node asks before any route sees them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { errorBody } from "../../api/error.ts";
import { shownText } from "../../api/shown-text.ts";
import { PagodaError } from "../../core/errors.ts";

/** 417, in the shape of all errors; the connection is closed, because the body that follows is not read. */
export function answerUnmetExpectation({ headers }: IncomingMessage, response: ServerResponse): void {
  const refusal = new PagodaError(
    "invalid_request",
    `The header 'Expect: ${shownText(headers.expect ?? "")}' asks for what this server does not do.`,
    { hint: "Leave the header out, or send 'Expect: 100-continue'.", param: "Expect" },
  );
  const body = JSON.stringify(errorBody(refusal));
  response.writeHead(417, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  });
  response.end(body);
}
