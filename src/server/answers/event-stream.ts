/** @module Server-sent events on a node response, with back-pressure. */
import type { ServerResponse } from "node:http";

const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no",
} as const;

export class EventStream {
  readonly #response: ServerResponse;
  readonly #requestId: string;
  /** Resolves when the socket takes more; null while it does. Shared by all writers of this response. */
  #drained: Promise<void> | null = null;

  constructor(response: ServerResponse, requestId: string) {
    this.#response = response;
    this.#requestId = requestId;
  }

  get hasStarted(): boolean {
    return this.#response.headersSent;
  }

  /**
   * Writes events, the status line before the first. The returned promise is null while the socket keeps up; otherwise
   * it resolves once the client has read (or has left): await it before producing more.
   */
  write(events: string): Promise<void> | null {
    if (events === "" || this.#response.destroyed) return null;
    if (!this.#response.headersSent)
      this.#response.writeHead(200, { ...headers, "x-request-id": this.#requestId });
    if (this.#response.write(events)) return this.#drained;
    this.#drained ??= this.#whenDrained();
    return this.#drained;
  }

  end(events: string): void {
    if (!this.#response.destroyed) this.#response.end(events);
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
