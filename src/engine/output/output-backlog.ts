/** @module Counts the heap that unread events hold, and ends the request with the most when it is too much. */
import { formatBytes } from "../../core/byte-size.ts";
import { invariant, PagodaError } from "../../core/errors.ts";
import type { GenerationEvent, PositionLogprobs } from "../../core/generation.ts";

/** A queue in which events wait for one consumer. */
export interface UnreadQueue {
  /** Drops its events, so that they are no longer counted; its consumer sees `error` instead. */
  drop(error: PagodaError): void;
}

/**
 * The model does not wait for clients: generated events are queued, even after their request has finished. This counts
 * all queues together, in bytes of the heap.
 */
export class OutputBacklog {
  readonly capacityBytes: number;
  /** Queues that are not empty. */
  readonly #bytesOfQueues = new Map<UnreadQueue, number>();
  #numBytes = 0;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
  }

  get numBytes(): number {
    return this.#numBytes;
  }

  add(queue: UnreadQueue, event: GenerationEvent): void {
    this.#change(queue, bytesOfEvent(event));
  }

  remove(queue: UnreadQueue, event: GenerationEvent): void {
    this.#change(queue, -bytesOfEvent(event));
  }

  removeAll(queue: UnreadQueue): void {
    this.#change(queue, -(this.#bytesOfQueues.get(queue) ?? 0));
  }

  /**
   * Drops the largest queues until the others fit. To be called before a step's events are added: a consumer that is
   * waiting for events has taken those of the step before, however many they were.
   */
  enforce(): void {
    while (this.#numBytes > this.capacityBytes) {
      const [queue, numBytes] = this.#largest();
      queue.drop(clientTooSlow(numBytes, this.capacityBytes));
    }
  }

  #change(queue: UnreadQueue, difference: number): void {
    const numBytes = (this.#bytesOfQueues.get(queue) ?? 0) + difference;
    invariant(numBytes >= 0, () => `a queue holds ${numBytes} bytes`);
    if (numBytes === 0) this.#bytesOfQueues.delete(queue);
    else this.#bytesOfQueues.set(queue, numBytes);
    this.#numBytes += difference;
  }

  #largest(): readonly [UnreadQueue, number] {
    let largest: readonly [UnreadQueue, number] | null = null;
    for (const entry of this.#bytesOfQueues) if (largest === null || entry[1] > largest[1]) largest = entry;
    invariant(largest !== null, () => `${this.#numBytes} bytes are in no queue`);
    return largest;
  }
}

/**
 * What events cost in V8's heap, rounded up. Measured as growth of `heapUsed` per event: 129 to 153 bytes with a short
 * text, 225 with 40 characters of two bytes, 289 with the token's own log-probability, 506 with one alternative (lists
 * begin with 17 places), 1,930 with 20 and 5,059 with 64.
 */
const bytesPerEvent = 160;
const bytesPerCharacter = 2;
const bytesPerTokenId = 8;
const bytesPerPosition = 300;
const bytesPerAlternative = 80;

function bytesOfEvent(event: GenerationEvent): number {
  switch (event.type) {
    case "prompt":
      return (
        bytesPerEvent +
        bytesPerTokenId * event.promptTokenIds.length +
        bytesOfPositions(event.promptLogprobs ?? [])
      );
    case "delta":
      return bytesPerEvent + bytesPerCharacter * event.text.length + bytesOfPositions(event.logprobs ?? []);
    case "finished":
      return bytesPerEvent;
  }
}

function bytesOfPositions(positions: readonly (PositionLogprobs | null)[]): number {
  let numBytes = 0;
  for (const position of positions)
    if (position !== null) numBytes += bytesPerPosition + bytesPerAlternative * position.top.length;
  return numBytes;
}

function clientTooSlow(numBytes: number, capacityBytes: number): PagodaError {
  return new PagodaError(
    "client_too_slow",
    `${formatBytes(numBytes)} of this answer were waiting to be read, more than of any other; this server keeps ${formatBytes(capacityBytes)} for all answers.`,
    {
      hint: "Read the stream faster, ask for fewer log-probabilities, or start with more --memory.",
    },
  );
}
