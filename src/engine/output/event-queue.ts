/** @module The queue of one request's events, from the step loop to the consumer that reads them. */
import type { GenerationEvent } from "../../core/generation.ts";
import type { RequestEvents } from "../sequence/sequence.ts";
import type { OutputBacklog, UnreadQueue } from "./output-backlog.ts";

/** Single producer, single consumer. After `end`, `fail` or `drop` nothing more is accepted. */
export class EventQueue implements RequestEvents, UnreadQueue {
  readonly #backlog: OutputBacklog;
  readonly #onDrop: (error: Error) => void;
  #pushed: GenerationEvent[] = [];
  /** Events that the consumer takes before any of `#pushed`, in reverse order. */
  #ready: GenerationEvent[] = [];
  #isOver = false;
  #error: Error | null = null;
  #wakeConsumer: (() => void) | null = null;

  /** @param onDrop called when the events are dropped because too much is unread */
  constructor(backlog: OutputBacklog, onDrop: (error: Error) => void) {
    this.#backlog = backlog;
    this.#onDrop = onDrop;
  }

  push(event: GenerationEvent): void {
    if (this.#isOver) return;
    this.#pushed.push(event);
    this.#backlog.add(this, event);
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

  /** Events already pushed are not delivered, even where they were the last. */
  drop(error: Error): void {
    this.#clear();
    this.#error = error;
    this.end();
    this.#onDrop(error);
  }

  /** All events up to the end; to be iterated once. */
  async *read(): AsyncGenerator<GenerationEvent> {
    try {
      for (;;) {
        const event = this.#take();
        if (event !== undefined) yield event;
        else if (this.#isOver) break;
        else
          await new Promise<void>((resolve) => {
            this.#wakeConsumer = resolve;
          });
      }
      if (this.#error !== null) throw this.#error;
    } finally {
      this.#isOver = true;
      this.#clear();
    }
  }

  #take(): GenerationEvent | undefined {
    if (this.#ready.length === 0) {
      this.#ready = this.#pushed.reverse();
      this.#pushed = [];
    }
    const event = this.#ready.pop();
    if (event !== undefined) this.#backlog.remove(this, event);
    return event;
  }

  #clear(): void {
    this.#pushed = [];
    this.#ready = [];
    this.#backlog.removeAll(this);
  }

  #wake(): void {
    this.#wakeConsumer?.();
    this.#wakeConsumer = null;
  }
}
