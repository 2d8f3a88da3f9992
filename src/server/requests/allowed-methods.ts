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

  /** null where no route has this path for any method. */
  of(path: string): readonly string[] | null {
    for (const [url, methods] of this.#methodsOf) {
      if (matches(url, path)) return [...methods].sort();
    }
    return null;
  }

  /** Every path with its methods, in the order of the routes; HEAD goes with GET and is left out. */
  paths(): readonly { readonly path: string; readonly methods: readonly string[] }[] {
    return [...this.#methodsOf].map(([path, methods]) => ({
      path,
      methods: [...methods].filter((method) => method !== "HEAD"),
    }));
  }
}

/** A route's last part may be open: `/v1/models/*`, `/docs/:name`. */
function matches(url: string, path: string): boolean {
  const [, before, open] = /^(.*\/)(\*|:\w+)$/.exec(url) ?? [];
  if (before === undefined) return path === url;
  const rest = path.startsWith(before) ? path.slice(before.length) : "";
  return rest !== "" && (open === "*" || !rest.includes("/"));
}
