/** @module The error that ends a stream of /v1/responses. */
import type { PagodaError } from "../../core/errors.ts";
import { errorBody } from "../error.ts";

/** `sequenceNumber` null: it is not known how many events came before. */
export function responseErrorEvent(error: PagodaError, sequenceNumber: number | null): string {
  const { code, message, param } = errorBody(error).error;
  const event = { type: "error", sequence_number: sequenceNumber, code, message, param };
  return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
}
