/** @module Requests that are no HTTP, or too much of it: answered in OpenAI's shape before there is a request to speak of. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { errorBody } from "../../api/error.ts";
import { PagodaError } from "../../core/errors.ts";

/** What Node's parser refuses with a status of its own; all else is 400. */
const statusOfCode: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
/** The connection is gone, or an answer is already on its way: there is nobody to tell. */
const silentCodes: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

interface ParserFault extends Error {
  readonly code?: string;
}

/** Answers on the bare socket, which is closed with it. */
export function answerMalformed(fault: ParserFault, socket: Socket): void {
  const code = fault.code ?? "";
  if (silentCodes.has(code) || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = statusOfCode[code] ?? 400;
  const error = new PagodaError("invalid_request", `this is no HTTP request: ${fault.message}`, {
    hint: "Send HTTP/1.1, with less than 16 KiB of headers.",
  });
  const body = JSON.stringify(errorBody(error));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
