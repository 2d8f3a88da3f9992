/** @module A streamed answer on a node response, with back-pressure. */
import type { ServerResponse } from "node:http";
import type { StreamFormat } from "../../api/exchange.ts";

const contentTypes: Readonly<Record<StreamFormat, string>> = {
  events: "text/event-stream; charset=utf-8",
  lines: "application/x-ndjson",
};

const headers = {
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
} as const;

export class AnswerStream {
  readonly #response: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  /** Resolves when the socket takes more; null while it does. Shared by all writers of this response. */
  #drained: Promise<void> | null = null;

  constructor(
    response: ServerResponse,
    requestId: string,
    format: StreamFormat,
    more: Readonly<Record<string, string>> = {},
  ) {
    this.#response = response;
    this.#headers = { ...headers, ...more, "content-type": contentTypes[format], "x-request-id": requestId };
  }

  get hasStarted(): boolean {
    return this.#response.headersSent;
  }

  /**
   * Writes text, the status line before the first. The returned promise is null while the socket keeps up; otherwise
   * it resolves once the client has read (or has left): await it before producing more.
   */
  write(text: string): Promise<void> | null {
    if (text === "" || this.#response.destroyed) return null;
    this.#begin();
    if (this.#response.write(text)) return this.#drained;
    this.#drained ??= this.#whenDrained();
    return this.#drained;
  }

  end(text: string): void {
    if (this.#response.destroyed) return;
    this.#begin();
    this.#response.end(text);
  }

  #begin(): void {
    if (!this.#response.headersSent) this.#response.writeHead(200, this.#headers);
  }

  #whenDrained(): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#response.off("drain", settle);
        this.#response.off("close", settle);
        this.#drained = null;
        resolve();
      };
      this.#response.once("drain", settle);
      this.#response.once("close", settle);
    });
  }
}
