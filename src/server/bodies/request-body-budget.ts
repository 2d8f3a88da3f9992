/** @module A budget of request bodies in memory: a request beyond it is refused with `overloaded`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { PagodaError } from "../../core/errors.ts";

/** The cost of the smallest request: its socket, its parser and its state in the engine. */
const leastRequestBytes = 8192;

export class RequestBodyBudget {
  readonly #capacityBytes: number;
  readonly #largestBodyBytes: number;
  #numBytesReserved = 0;

  /** A body whose length is not announced counts as `largestBodyBytes`, which must fit. */
  constructor(capacityBytes: number, largestBodyBytes: number) {
    this.#capacityBytes = Math.max(capacityBytes, largestBodyBytes);
    this.#largestBodyBytes = largestBodyBytes;
  }

  /** Call before the body is read; the bytes are given back when the response closes. Throws `overloaded`. */
  reserve(request: IncomingMessage, response: ServerResponse): void {
    const announced = Number(request.headers["content-length"] ?? this.#largestBodyBytes);
    // A body beyond the limit is refused with its own error, without being read.
    const numBytes = Math.min(Math.max(announced || 0, leastRequestBytes), this.#largestBodyBytes);
    if (this.#numBytesReserved + numBytes > this.#capacityBytes)
      throw new PagodaError(
        "overloaded",
        `Requests with bodies of ${this.#numBytesReserved} bytes are being answered; this server takes ${this.#capacityBytes} at once.`,
        { hint: "Retry when some have ended, or start the server with more --memory." },
      );
    this.#numBytesReserved += numBytes;
    response.once("close", () => {
      this.#numBytesReserved -= numBytes;
    });
  }
}
