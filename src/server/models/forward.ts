/** @module A request passed on to another process, and its answer passed back, as bytes. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { callerHeaders, type Endpoint } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";
import { countedAnswer } from "../access/counted-answer.ts";
import type { RunningRequests } from "../requests/running-requests.ts";
import { PassedStream, wholeBody } from "./passed-answer.ts";
import type { ServedModelEntry } from "./served-model-entry.ts";

interface ForwardParts {
  readonly entry: ServedModelEntry;
  readonly endpoint: Endpoint;
  readonly running: RunningRequests;
}

/** Headers of one connection, not of the message (RFC 9110, 7.6.1). The sender sets the length itself. */
const hopHeaders: ReadonlySet<string> = new Set([
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
/** This server has judged it; the other one, which may listen on a loopback address, would judge it again. */
const judgedHere = "origin";
/** Keys of this server are not shown to another one; the endpoint adds its own. */
const privateHeaders: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "x-api-key",
  ...Object.values(callerHeaders),
]);

/**
 * The answer's body is read no faster than the client reads it. The client's leaving ends the exchange. Throws
 * `endpoint_unreachable` where no answer came.
 */
export async function forwardToEndpoint(
  request: FastifyRequest,
  reply: FastifyReply,
  { entry, endpoint, running }: ForwardParts,
): Promise<FastifyReply> {
  const signal = running.begin(reply.raw);
  const { bodyBytes: body, body: json, method, url: path, caller } = request;
  request.bodyBytes = null;
  request.body = null;
  try {
    const answer = await endpoint.forward(
      { method, path, headers: passedOn(request), body, json, caller },
      signal,
    );
    entry.noteHealth({ state: "ready", reason: null });
    for (const [name, value] of Object.entries(answer.headers))
      if (!hopHeaders.has(name)) reply.header(name, value);
    reply.status(answer.status);
    const counted = { ...answer, body: countedAnswer(answer, caller) };
    return reply.send((await wholeBody(counted)) ?? new PassedStream(counted.body));
  } catch (thrown) {
    if (thrown instanceof PagodaError && thrown.code === "endpoint_unreachable" && !signal.aborted)
      entry.noteHealth({ state: "failed", reason: thrown.message });
    throw thrown;
  }
}

function passedOn(request: FastifyRequest): Record<string, string> {
  const headers: Record<string, string> = { "x-request-id": request.id };
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || name === judgedHere || hopHeaders.has(name) || privateHeaders.has(name))
      continue;
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}
