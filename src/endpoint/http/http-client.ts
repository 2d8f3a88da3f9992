/**
 * @module Exchanges with one HTTP/1.1 server over connections that stay open. Node's own client costs several times as much
 * for each request, in objects that nobody here needs (docs/fleet-routing.md has the figures).
 */
import type { ForwardedAnswer, ForwardedRequest } from "../../core/endpoint.ts";
import { Connection, type SentRequest } from "./connection.ts";

/** Shorter than the five seconds after which uvicorn, and with it most engines, closes an idle connection. */
const mostIdleMs = 4000;

export class HttpClient {
  readonly #host: string;
  readonly #port: number;
  readonly #hostHeader: string;
  /** The one that was used last is the last. */
  readonly #idle: Connection[] = [];
  #sweeper: NodeJS.Timeout | null = null;

  /** `base`: of the scheme http. */
  constructor(base: URL) {
    this.#host = base.hostname.replace(/^\[(.*)\]$/, "$1");
    this.#port = Number(base.port || 80);
    this.#hostHeader = base.host;
  }

  /** Resolves once the head of the answer has come. Rejects with the error of the connection, or the signal's reason. */
  async send(asked: ForwardedRequest, path: string, signal: AbortSignal): Promise<ForwardedAnswer> {
    signal.throwIfAborted();
    const request = { method: asked.method, head: this.#headOf(asked, path), body: asked.body };
    for (;;) {
      const connection = this.#connection();
      try {
        return await exchanged(connection, request, signal);
      } catch (thrown) {
        // The server has closed a connection that was idle: nothing of the request was read.
        if (!connection.isUsed || signal.aborted || !isClosing(thrown)) throw thrown;
      }
    }
  }

  /** Idle connections are closed; a running exchange is ended by its own signal. */
  close(): void {
    for (const connection of this.#idle.splice(0)) connection.close();
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  #connection(): Connection {
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop())
      if (last.isOpen) return last;
    return new Connection(this.#host, this.#port, (connection) => this.#keep(connection));
  }

  #keep(connection: Connection): void {
    connection.idleSinceMs = performance.now();
    this.#idle.push(connection);
    this.#sweeper ??= setInterval(() => this.#sweep(), mostIdleMs / 4).unref();
  }

  #sweep(): void {
    const sinceMs = performance.now() - mostIdleMs;
    const numOld = this.#idle.findIndex(({ idleSinceMs, isOpen }) => isOpen && idleSinceMs > sinceMs);
    for (const connection of this.#idle.splice(0, numOld === -1 ? this.#idle.length : numOld))
      connection.close();
    if (this.#idle.length > 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  #headOf({ method, headers, body }: ForwardedRequest, path: string): string {
    let head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#hostHeader}\r\n`;
    for (const name in headers) head += `${name}: ${checked(headers[name] ?? "", name)}\r\n`;
    if (body !== null) head += `content-length: ${body.length}\r\n`;
    return `${head}\r\n`;
  }
}

async function exchanged(
  connection: Connection,
  request: SentRequest,
  signal: AbortSignal,
): Promise<ForwardedAnswer> {
  const exchange = connection.send(request);
  const abort = (): void =>
    exchange.destroy(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
  signal.addEventListener("abort", abort, { once: true });
  exchange.onOver = () => signal.removeEventListener("abort", abort);
  return exchange.answered;
}

const unsendable = /[^\t\x20-\x7e\x80-\xff]/;

/** @throws {TypeError} where a value would end its line, or has no byte. */
function checked(value: string, name: string): string {
  if (unsendable.test(value))
    throw new TypeError(`The header ${name} has a character that no header may have.`);
  return value;
}

/** Ends that a server gives to a connection which it holds for idle. */
function isClosing(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const code = "code" in thrown ? String(thrown.code) : "";
  return code === "ECONNRESET" || code === "EPIPE" || thrown.message === "the connection was closed";
}
