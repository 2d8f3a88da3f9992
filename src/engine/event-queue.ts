/** @module One request's events, from the loop that makes them to the consumer that reads them. */
import type { GenerationEvent } from "../core/generation.ts";

/** Single producer, single consumer. After `end` or `fail` nothing more is accepted. */
export class EventQueue {
  #events: GenerationEvent[] = [];
  #isOver = false;
  #error: Error | null = null;
  #wakeConsumer: (() => void) | null = null;

  push(event: GenerationEvent): void {
    if (this.#isOver) return;
    this.#events.push(event);
    this.#wake();
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Events already pushed are still delivered, then the consumer's iteration throws `error`. */
  fail(error: Error): void {
    if (this.#isOver) return;
    this.#error = error;
    this.end();
  }

  /** All events up to the end; to be iterated once. */
  async *read(): AsyncGenerator<GenerationEvent> {
    for (;;) {
      const ready = this.#events;
      this.#events = [];
      yield* ready;
      if (this.#events.length > 0) continue;
      if (this.#isOver) break;
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve;
      });
    }
    if (this.#error !== null) throw this.#error;
  }

  #wake(): void {
    this.#wakeConsumer?.();
    this.#wakeConsumer = null;
  }
}
