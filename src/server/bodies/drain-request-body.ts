/** @module The rest of a refused request's body is read and discarded, within bounds, so that the client receives the refusal. */
import type { IncomingMessage } from "node:http";
import { mib } from "../../core/byte-size.ts";

const mostBytes = 64 * mib;
const mostMs = 5000;

/**
 * Most clients send the whole body before they read. A connection that is closed while they still send is reset, and
 * they see a network error instead of the answer. So the connection stays open until the body has arrived or one of the
 * bounds is reached. (nginx calls this a lingering close.)
 */
export function drainRequestBody(request: IncomingMessage): void {
  if (request.readableEnded || request.destroyed) return;
  // Detach the previous reader, or the request stays paused.
  request.unpipe();
  let numBytes = 0;
  const giveUp = (): unknown => request.destroy();
  const timer = setTimeout(giveUp, mostMs).unref();
  request.on("data", (chunk: Buffer) => {
    numBytes += chunk.length;
    if (numBytes > mostBytes) giveUp();
  });
  request.resume();
  request.once("close", () => clearTimeout(timer));
}
