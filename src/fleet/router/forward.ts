/**
 * @module One request passed on to one endpoint, byte for byte: headers and body as they came, the answer as it comes.
 *
 * Back-pressure is the stream's own: a client that reads slowly slows the endpoint down. Aborting the signal closes the
 * connection, which is how every engine learns that the client has left.
 */
import { Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import type { Readable } from "node:stream";

export interface EndpointAddress {
  readonly host: string;
  readonly port: number;
}

export interface ForwardedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

export interface ForwardedAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Readable;
}

/** RFC 9110 §7.6.1: they speak of one connection, not of the message. `host` and the length are those of ours. */
const connectionHeaders: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "host",
  "content-length",
  "expect",
]);

/** vLLM closes idle connections after five seconds; one that is reused must be younger. */
const idleMs = 4000;

const agent = new Agent({ keepAlive: true, timeout: idleMs, maxSockets: Number.POSITIVE_INFINITY });

function passedOn(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const kept: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers))
    if (!connectionHeaders.has(name) && value !== undefined) kept[name] = value;
  return kept;
}

/**
 * Resolves when the endpoint's headers have come; nothing of the answer has been passed on then. Rejects with Node's own
 * error where there was no connection or it broke before.
 */
export function forward(to: EndpointAddress, asked: ForwardedRequest): Promise<ForwardedAnswer> {
  return new Promise((resolve, reject) => {
    const headers = passedOn(asked.headers);
    if (asked.body.length > 0 || asked.method === "POST") headers["content-length"] = asked.body.length;
    const call = request(
      { ...to, agent, method: asked.method, path: asked.path, headers, signal: asked.signal, setHost: true },
      (answer) => {
        // A connection at work is never idle, however long the model thinks.
        answer.socket.setTimeout(0);
        resolve({ status: answer.statusCode ?? 502, headers: passedOn(answer.headers), body: answer });
      },
    );
    call.setTimeout(0);
    call.once("error", reject);
    call.end(asked.body);
  });
}
