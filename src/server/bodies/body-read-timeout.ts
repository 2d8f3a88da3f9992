/** @module A request's body as it arrives. A body that stops arriving is abandoned: it would hold its share of the budget forever. */
import type { IncomingMessage } from "node:http";
import { PassThrough, type Readable } from "node:stream";
import { kib } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";

const periodMs = 10_000;
/** The least that must arrive in each period; a modem sends more. */
const leastBytes = 64 * kib;

/**
 * The body, to be read in place of the request. It fails with `request_timeout` when a period has passed in which neither
 * `leastBytes` nor its end came. To be destroyed by the caller if it is not read to its end.
 */
export function bodyWithReadTimeout(request: IncomingMessage): Readable {
  const body = new PassThrough();
  let numNew = 0;
  const timer = setInterval(() => {
    if (numNew < leastBytes) body.destroy(tooSlow());
    numNew = 0;
  }, periodMs).unref();
  request.on("data", (chunk: Buffer) => {
    numNew += chunk.length;
  });
  body.once("close", () => clearInterval(timer));
  return request.pipe(body);
}

function tooSlow(): PagodaError {
  return new PagodaError(
    "request_timeout",
    `The request body stopped arriving: less than ${leastBytes / kib} KiB came in ${periodMs / 1000} seconds.`,
    { hint: "Send it again." },
  );
}
