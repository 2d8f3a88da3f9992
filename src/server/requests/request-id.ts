/** @module The id that a request carries through logs and back to its client. */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

const acceptableId = /^[\w.:-]{1,128}$/;

/** The client's own `X-Request-Id` where it is harmless to repeat, else a new one. */
export function requestIdFor(request: { readonly headers: IncomingHttpHeaders }): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && acceptableId.test(given) ? given : randomUUID();
}
