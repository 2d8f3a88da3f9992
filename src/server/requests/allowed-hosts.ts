/**
 * @module Host and Origin of a request, checked against DNS rebinding: a page of a stranger's site, whose name is made to
 * resolve to this machine, must not read a server that listens for its own machine alone.
 */
import type { IncomingMessage } from "node:http";
import { shownText } from "../../api/shown-text.ts";
import { PagodaError } from "../../core/errors.ts";

/** A name, an IPv4 address or an IPv6 address in brackets, with or without a port. */
const hostAndPort = /^(?:([\w.-]+)|\[([0-9a-f:.]+)\])(?::\d*)?$/i;

export class AllowedHosts {
  readonly #names: ReadonlySet<string>;
  /** Hosts that Origin may name besides; null: any. */
  readonly #originNames: ReadonlySet<string> | null;

  /**
   * `names`: what `--host` and `--allowed-host` state, beside localhost and the loopback addresses. `originNames`: hosts of
   * `--cors-origin`.
   */
  constructor(names: readonly string[], originNames: readonly string[] | "any" = []) {
    this.#names = new Set(names.map((name) => name.toLowerCase()));
    this.#originNames = originNames === "any" ? null : new Set(originNames.map((name) => name.toLowerCase()));
  }

  /** Throws `host_not_allowed`. A request without Host (HTTP/1.0) or Origin comes from no browser. */
  requireAllowed({ headers, socket }: Pick<IncomingMessage, "headers" | "socket">): void {
    const { host, origin } = headers;
    if (host !== undefined && !this.#isAllowed(nameIn(host), socket.localAddress))
      throw refused("Host", host);
    if (this.#originNames === null || origin === undefined) return;
    const originName = nameOfOrigin(origin);
    if (this.#originNames.has(originName ?? "")) return;
    if (!this.#isAllowed(originName, socket.localAddress)) throw refused("Origin", origin);
  }

  #isAllowed(name: string | null, ownAddress: string | undefined): boolean {
    return (
      name !== null &&
      (isLoopback(name) || name === ownAddress?.replace(/^::ffff:/, "") || this.#names.has(name))
    );
  }
}

/** Whether a name or an address is this machine alone: localhost, 127.0.0.0/8 or ::1. */
export function isLoopback(host: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d{1,10}){1,3}|::1)$/i.test(host);
}

/** In small letters, without port and brackets; null where the header is not a host. */
function nameIn(host: string): string | null {
  const [, name, address] = hostAndPort.exec(host) ?? [];
  return (name ?? address)?.toLowerCase() ?? null;
}

/** null for an opaque origin, such as that of a sandboxed frame: anyone can have it. */
function nameOfOrigin(origin: string): string | null {
  const [, host = ""] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)$/i.exec(origin) ?? [];
  return nameIn(host);
}

function refused(header: "Host" | "Origin", value: string): PagodaError {
  const name = header === "Host" ? nameIn(value) : nameOfOrigin(value);
  const instead =
    header === "Host"
      ? "Use localhost or 127.0.0.1"
      : "Send the request without Origin, or from a page of localhost";
  return new PagodaError(
    "host_not_allowed",
    `The ${header} header is '${shownText(value)}', and this server answers for its own machine alone.`,
    {
      param: header,
      hint:
        name === null || shownText(name) !== name
          ? `${instead}.`
          : `${instead}, or start the server with --allowed-host ${name}.`,
    },
  );
}
