/** @module The rest of a refused request's body: read and thrown away within bounds, so that the refusal arrives. */
import type { IncomingMessage } from "node:http";
import { mib } from "../../core/byte-size.ts";

const mostBytes = 64 * mib;
const mostMs = 5000;

/**
 * Most clients send the whole body before they read. A connection that is closed while they still send is reset, and
 * they see a fault of the network in place of the answer. So the connection stays open until the body has come, or until
 * one of the bounds is reached. (nginx calls it a lingering close.)
 */
export function drainRequestBody(request: IncomingMessage): void {
  if (request.readableEnded || request.destroyed) return;
  // Who was to read it does so no more: the request would wait for them.
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
