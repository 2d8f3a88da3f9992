/** @module One request and its answer on a connection; the answer's body is read no faster than whoever iterates over it. */
import type { ForwardedAnswer } from "../../core/endpoint.ts";
import type { AnswerHead } from "./response-parser.ts";

export interface ExchangeParts {
  /** Stops and goes on reading from the connection. */
  readonly pause: () => void;
  readonly resume: () => void;
  /** The rest of the answer is not wanted: the connection is closed. */
  readonly abandon: () => void;
}

/** Bytes of a body that may wait for its reader. */
const mostWaitingBytes = 64 * 1024;

interface Reader {
  readonly resolve: (result: IteratorResult<Uint8Array>) => void;
  readonly reject: (error: unknown) => void;
}

export class Exchange implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly answered: Promise<ForwardedAnswer>;
  readonly #parts: ExchangeParts;
  readonly #answer = Promise.withResolvers<ForwardedAnswer>();
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isPaused = false;
  #hasAnswer = false;
  #isOver = false;
  #error: unknown = null;
  #reader: Reader | null = null;
  /** Told when nothing more will come, whatever the end. */
  onOver: () => void = () => undefined;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    this.answered = this.#answer.promise;
  }

  get hasAnswer(): boolean {
    return this.#hasAnswer;
  }

  began({ status, headers }: AnswerHead): void {
    this.#hasAnswer = true;
    this.#answer.resolve({ status, headers, body: this });
  }

  arrived(piece: Uint8Array): void {
    const reader = this.#reader;
    if (reader !== null) {
      this.#reader = null;
      reader.resolve({ done: false, value: piece });
      return;
    }
    this.#waiting.push(piece);
    this.#waitingBytes += piece.length;
    if (this.#waitingBytes < mostWaitingBytes || this.#isPaused) return;
    this.#isPaused = true;
    this.#parts.pause();
  }

  /** Exactly once, unless it was abandoned. `error`: what broke it off; null: it is whole. */
  ended(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.onOver();
    if (!this.#hasAnswer) this.#answer.reject(error ?? new Error("the connection was closed"));
    const reader = this.#reader;
    this.#reader = null;
    if (reader === null) return;
    if (error === null) reader.resolve({ done: true, value: undefined });
    else reader.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** One call at a time. */
  next(): Promise<IteratorResult<Uint8Array>> {
    const piece = this.#waiting.shift();
    if (piece !== undefined) {
      this.#waitingBytes -= piece.length;
      if (this.#isPaused && this.#waiting.length === 0) {
        this.#isPaused = false;
        this.#parts.resume();
      }
      return Promise.resolve({ done: false, value: piece });
    }
    if (!this.#isOver)
      return new Promise((resolve, reject) => {
        this.#reader = { resolve, reject };
      });
    const error = this.#error;
    this.#error = null;
    return error === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }

  /** The rest is not read. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.destroy(null);
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Breaks it off; whoever waits for a piece is told `error`. */
  destroy(error: Error | null): void {
    this.#waiting.length = 0;
    if (this.#isOver) return;
    this.ended(error);
    this.#parts.abandon();
  }
}
