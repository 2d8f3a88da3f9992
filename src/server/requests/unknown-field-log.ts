/** @module Says once per endpoint and field that a request field means nothing to us. */
import type { FastifyBaseLogger } from "fastify";
import { shownText } from "../../api/shown-text.ts";

/** Field names come from strangers: remember only so many. */
const mostRememberedNames = 1000;

export class UnknownFieldLog {
  readonly #seen = new Set<string>();
  readonly #log: FastifyBaseLogger;

  constructor(log: FastifyBaseLogger) {
    this.#log = log;
  }

  note(route: string, names: readonly string[]): void {
    for (const name of names) {
      const field = shownText(name);
      const key = `${route} ${field}`;
      if (this.#seen.has(key) || this.#seen.size >= mostRememberedNames) continue;
      this.#seen.add(key);
      this.#log.warn({ route, field }, "ignoring an unknown request field (said once)");
    }
  }
}
