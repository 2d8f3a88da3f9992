/** @module How many requests may be inside at once, by the memory that their bodies stand for; beyond that, `overloaded`. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { PagodaError } from "../../core/errors.ts";

/** What the smallest request costs: socket, parser, and its state in the engine. */
const leastRequestBytes = 8192;

export class BodyRoom {
  private readonly capacityBytes: number;
  private readonly largestBodyBytes: number;
  private numBytesInside = 0;

  /** A body whose length is not announced counts as `largestBodyBytes`, which must fit. */
  constructor(capacityBytes: number, largestBodyBytes: number) {
    this.capacityBytes = Math.max(capacityBytes, largestBodyBytes);
    this.largestBodyBytes = largestBodyBytes;
  }

  /** Call before the body is read; the room is given back when the response closes. Throws `overloaded`. */
  enter(request: IncomingMessage, response: ServerResponse): void {
    const announced = Number(request.headers["content-length"] ?? this.largestBodyBytes);
    // A body beyond the limit is refused with its own error, without being read.
    const numBytes = Math.min(Math.max(announced || 0, leastRequestBytes), this.largestBodyBytes);
    if (this.numBytesInside + numBytes > this.capacityBytes)
      throw new PagodaError(
        "overloaded",
        `requests of ${this.numBytesInside} bytes are being answered; this server takes ${this.capacityBytes} at once`,
        { hint: "Retry when some have ended, or start the server with more --memory." },
      );
    this.numBytesInside += numBytes;
    response.once("close", () => {
      this.numBytesInside -= numBytes;
    });
  }
}
