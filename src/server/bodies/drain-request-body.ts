/** @module The rest of a refused request's body is read and discarded, within bounds, so that the client receives the refusal. */
import type { IncomingMessage } from "node:http";
import { mib } from "../../core/byte-size.ts";

const mostBytes = 64 * mib;
const mostMs = 5000;

/**
 * Most clients send the whole body before they read. A connection that is closed while they still send is reset, and
 * they see a network error instead of the answer. So the connection stays open until the body has arrived or one of the
 * bounds is reached. (nginx calls this a lingering close.)
 *
 * Resolves when the body has arrived, or the connection was given up. An answer after which the connection closes
 * must wait for that.
 */
export function drainRequestBody(request: IncomingMessage, giveUp: () => unknown): Promise<void> {
  if (request.readableEnded || request.destroyed) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const leave = (): void => {
    clearTimeout(timer);
    giveUp();
    resolve();
  };
  // Detach the previous reader, or the request stays paused.
  request.unpipe();
  let numBytes = 0;
  const timer = setTimeout(leave, mostMs).unref();
  request.on("data", (chunk: Buffer) => {
    numBytes += chunk.length;
    if (numBytes > mostBytes) leave();
  });
  request.resume();
  request.once("end", resolve);
  request.once("close", () => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}
