/** @module A router over scripted endpoints of the loopback interface, and requests to it. */
import type { ForwardedAnswer } from "../../core/endpoint.ts";
import { defaultRouterOptions, Router, type RouterOptions } from "../router/router.ts";
import { type Script, type ScriptedEndpoint, scriptedEndpoint, streamOf } from "./scripted-endpoint.ts";

const started: ScriptedEndpoint[] = [];

/** Call it after each test. */
export async function closeRouted(): Promise<void> {
  await Promise.all(started.splice(0).map((endpoint) => endpoint.close()));
}

/** One that is closed with the others. */
export async function routedEndpoint(id: string, script: Script, seats = 8): Promise<ScriptedEndpoint> {
  const endpoint = await scriptedEndpoint(id, script, { seats });
  started.push(endpoint);
  return endpoint;
}

/** A router over one endpoint for each script, called e0, e1, … */
export async function routerOver(
  scripts: readonly Script[],
  options: Partial<RouterOptions> = {},
  seats = 8,
) {
  const router = new Router("m", { ...defaultRouterOptions, ...options });
  const endpoints: ScriptedEndpoint[] = [];
  for (const [index, script] of scripts.entries()) {
    const endpoint = await routedEndpoint(`e${index}`, script, seats);
    endpoints.push(endpoint);
    router.add(endpoint);
  }
  return { router, endpoints };
}

export const body = { model: "m", messages: [{ role: "user", content: "Hi" }], stream: true };

export function send(
  router: Router,
  asked: object = body,
  signal = new AbortController().signal,
  path = "/v1/chat/completions?x=1",
): Promise<ForwardedAnswer> {
  const bytes = Buffer.from(JSON.stringify(asked));
  const headers = { "content-type": "application/json", "x-request-id": "abc", authorization: "Bearer k" };
  return router.route({ method: "POST", path, headers, body: bytes }, "key", signal);
}

/** All of a body as text. */
export async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** Reads one piece and leaves the rest unread. */
export async function firstPiece(answer: ForwardedAnswer): Promise<AsyncIterator<Uint8Array>> {
  const pieces = answer.body[Symbol.asyncIterator]();
  await pieces.next();
  return pieces;
}

export async function restOf(pieces: AsyncIterator<Uint8Array>): Promise<void> {
  while ((await pieces.next()).done !== true);
}

export const answers: Script = (_request, answer) => streamOf(answer, ['{"a":1}', '{"b":2}']);
export const isIdle = (router: Router, endpoints: readonly ScriptedEndpoint[]): boolean =>
  endpoints.every(({ endpointId }) => router.numOpen(endpointId) === 0);
