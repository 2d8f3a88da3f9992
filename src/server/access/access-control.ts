/**
 * @module Who may ask for what: every path needs a key where keys are stated, but for the two that ask whether the server
 * lives and the empty page; paths that look into the server or change it need the administrator's.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { callerHeaders } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";
import { type ApiKey, KeyRing } from "./api-keys.ts";
import { type Caller, limitedCaller, openCaller } from "./caller.ts";

/** `open`: no key; `key`: any key of the server; `admin`: the administrator's. */
export type Access = "open" | "key" | "admin";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Default: by its path (`accessOf`). */
    access?: Access;
  }
  interface FastifyRequest {
    /** Who asks; set before any route runs. */
    caller: Caller;
  }
}

/** Whether the server lives, and the page with its program: it asks for the key itself, and holds nothing of the server. */
const openPaths: ReadonlySet<string> = new Set(["/health", "/ping", "/", "/dashboard/:name"]);
/** Names of vLLM and LMDeploy for what changes the state of a server. */
const adminPaths =
  /^\/(?:admin|sleep|wake_?up|pause|resume|reset_\w+|abort_requests|shutdown|terminate|scale_elastic_ep|collective_rpc|start_profile|stop_profile|(?:un)?load_lora_adapter|v1\/(?:un)?load_lora_adapter|v1\/runtime_config|(?:update|destroy|init)_\w*weights?\w*|distserve)(?:\/|$)/;

/** What a path needs where its route does not say otherwise. */
export function accessOf(path: string): Access {
  if (openPaths.has(path)) return "open";
  return adminPaths.test(path) ? "admin" : "key";
}

export interface AccessParts {
  readonly keys: readonly ApiKey[];
  readonly adminKeys: readonly string[];
  /** Whether the server listens for its own machine alone. */
  readonly isLoopback: boolean;
  /** Whether each key has prefixes of its own in the prefix cache. */
  readonly isolatesKeys: boolean;
  /** The secret between a router and its instances; all other keys are the router's to check. */
  readonly routerKey: string | null;
}

/** No keys, on a loopback address. */
export const openAccess: AccessParts = {
  keys: [],
  adminKeys: [],
  isLoopback: true,
  isolatesKeys: false,
  routerKey: null,
};

const administrator: Caller = openCaller;

export class AccessControl {
  readonly #clock: () => number;
  #parts: AccessParts;
  #callers = new KeyRing<Caller>([]);
  #administrators = new KeyRing<Caller>([]);
  #router: KeyRing<true> | null = null;

  /** `clock`: monotonic milliseconds. */
  constructor(parts: AccessParts, clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#parts = parts;
    this.replace(parts);
  }

  /** Other keys from now on; limits begin anew. */
  replace(parts: AccessParts): void {
    this.#parts = parts;
    this.#callers = new KeyRing(
      parts.keys.map((key) => [key.key, limitedCaller(key, parts.isolatesKeys, this.#clock)]),
    );
    this.#administrators = new KeyRing(parts.adminKeys.map((key) => [key, administrator]));
    this.#router = parts.routerKey === null ? null : new KeyRing([[parts.routerKey, true]]);
  }

  /** Notes at the request who asks. Throws `invalid_api_key`, `admin_key_required` and `rate_limit_exceeded`. */
  admit(request: FastifyRequest, reply: FastifyReply): void {
    const access = request.routeOptions.config.access ?? accessOf(request.routeOptions.url ?? "");
    if (access === "open") return;
    const presented = keyIn(request.headers);
    if (this.#router !== null) {
      if (presented === null || this.#router.ownerOf(presented) === null)
        throw this.#refused(presented, reply);
      request.caller = callerOfRouter(request.headers);
      return;
    }
    if (presented !== null && this.#administrators.ownerOf(presented) !== null) return;
    if (this.#callers.size === 0 && this.#administrators.size > 0 && access === "key") return;
    if (this.#callers.size === 0 && this.#administrators.size === 0) {
      if (access === "admin" && !this.#parts.isLoopback) throw adminKeyRequired(false);
      return;
    }
    const caller = presented === null ? null : this.#callers.ownerOf(presented);
    if (access === "admin") {
      if (caller === null) throw this.#refused(presented, reply);
      throw adminKeyRequired(this.#administrators.size > 0);
    }
    if (caller === null) throw this.#refused(presented, reply);
    caller.beginRequest((seconds) => reply.header("retry-after", String(seconds)));
    request.caller = caller;
  }

  /** Whether the visitor of an open path may also see what needs any key. */
  mayAsk({ headers }: FastifyRequest): boolean {
    const presented = keyIn(headers);
    if (this.#router !== null) return presented !== null && this.#router.ownerOf(presented) !== null;
    if (this.#callers.size === 0) return true;
    if (presented === null) return false;
    return this.#administrators.ownerOf(presented) !== null || this.#callers.ownerOf(presented) !== null;
  }

  #refused(presented: string | null, reply: FastifyReply): PagodaError {
    reply.header("www-authenticate", "Bearer");
    return new PagodaError(
      "invalid_api_key",
      presented === null
        ? "This server needs a key, and the request has none."
        : "The key is not one of this server's.",
      { hint: "Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'." },
    );
  }
}

function keyIn(headers: IncomingHttpHeaders): string | null {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "") ?? [];
  const other = headers["x-api-key"];
  return bearer ?? (typeof other === "string" && other !== "" ? other : null);
}

function adminKeyRequired(isStated: boolean): PagodaError {
  return new PagodaError("admin_key_required", "This path is for the administrator of the server.", {
    hint: isStated
      ? "Send the key of --admin-key."
      : "Start the server with --admin-key, or on a loopback address without --api-key.",
  });
}

function callerOfRouter(headers: IncomingHttpHeaders): Caller {
  const { [callerHeaders.id]: id, [callerHeaders.cacheSalt]: cacheSalt } = headers;
  const resume = headers[callerHeaders.resume];
  return {
    ...openCaller,
    id: typeof id === "string" ? id : "",
    cacheSalt: typeof cacheSalt === "string" ? cacheSalt : null,
    ...(typeof resume === "string" ? { resume } : {}),
  };
}
