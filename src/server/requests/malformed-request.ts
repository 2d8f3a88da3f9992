/** @module Bytes that are not valid HTTP, or headers that are too long: answered in OpenAI's shape on the bare socket. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { errorBody } from "../../api/error.ts";
import { PagodaError } from "../../core/errors.ts";

/** Errors of Node's parser that have a status of their own; all others are 400. */
const statusOfCode: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
/** The connection is gone: no answer can be sent. */
const silentCodes: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

interface ParserError extends Error {
  readonly code?: string;
}

/** Answers on the bare socket, which is closed with it. */
export function answerMalformed(error: ParserError, socket: Socket): void {
  const code = error.code ?? "";
  if (silentCodes.has(code) || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = statusOfCode[code] ?? 400;
  const refusal = new PagodaError(
    "invalid_request",
    `The request is not valid HTTP: ${error.message.replace(/\.$/, "")}.`,
    {
      hint: "Send HTTP/1.1, with less than 16 KiB of headers.",
    },
  );
  const body = JSON.stringify(errorBody(refusal));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
