/** @module Which pages of other sites may read answers (CORS): none unless they are stated. */
import type { FastifyReply, FastifyRequest } from "fastify";

/** Seconds for which a browser may keep what a preflight has said. */
const maxAgeSeconds = "600";

export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** Origins such as `https://app.example`; `*` is any. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins.map((origin) => origin.toLowerCase().replace(/\/$/, "")));
  }

  /** Sets the headers of an answer; true where the request is a preflight, which has been answered with it. */
  answer({ method, headers }: FastifyRequest, reply: FastifyReply): boolean {
    const { origin } = headers;
    // On the bare response, because streams are written on it.
    const { raw } = reply;
    if (!this.#origins.has("*")) raw.setHeader("vary", "Origin");
    if (origin === undefined || !this.#allows(origin)) return false;
    raw.setHeader("access-control-allow-origin", this.#origins.has("*") ? "*" : origin);
    raw.setHeader("access-control-expose-headers", "x-request-id, retry-after");
    const asked = headers["access-control-request-method"];
    if (method !== "OPTIONS" || asked === undefined) return false;
    raw.setHeader("access-control-allow-methods", "GET, POST, DELETE");
    const names = headers["access-control-request-headers"];
    if (typeof names === "string" && /^[\w ,-]*$/.test(names))
      raw.setHeader("access-control-allow-headers", names);
    raw.setHeader("access-control-max-age", maxAgeSeconds);
    reply.status(204).send();
    return true;
  }

  #allows(origin: string): boolean {
    return this.#origins.has("*") || this.#origins.has(origin.toLowerCase());
  }
}
