/** @module Which methods each path answers, for 405 and its `Allow` header. */
import type { FastifyInstance } from "fastify";

export class AllowedMethods {
  readonly #methodsOf = new Map<string, Set<string>>();

  /** Call before the routes are added: sees each one as it is. */
  watch(app: FastifyInstance): void {
    app.addHook("onRoute", ({ url, method }) => {
      const methods = this.#methodsOf.get(url) ?? new Set();
      for (const one of [method].flat()) methods.add(one);
      this.#methodsOf.set(url, methods);
    });
  }

  /** null where no route has this path, whatever the method. */
  of(path: string): readonly string[] | null {
    for (const [url, methods] of this.#methodsOf) {
      const matches = url.endsWith("*") ? path.startsWith(url.slice(0, -1)) : path === url;
      if (matches) return [...methods].sort();
    }
    return null;
  }
}
