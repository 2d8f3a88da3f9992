/**
 * @module The body of an answer on its way through: notes its first token, and its end, whichever end it is.
 *
 * An event stream that breaks off would look to its client like a short answer. It gets an error event and `[DONE]`.
 */
import { Transform, type TransformCallback } from "node:stream";
import { errorBody } from "../../api/error.ts";
import type { PagodaError } from "../../core/errors.ts";

export interface AnswerWatch {
  readonly isEventStream: boolean;
  /** The first chunk that is more than a comment: its prompt is computed. */
  onFirstByte(): void;
  /** Exactly once, after the last byte or the failure. */
  onEnd(error: Error | null): void;
  /** What a client is told whose stream broke off. */
  brokenStream(cause: Error): PagodaError;
}

const colon = 0x3a;

/** Server-sent comments (`: ping`) begin with a colon; they keep a connection open and carry nothing. */
const isComment = (chunk: Buffer): boolean => chunk[0] === colon;

export class WatchedAnswer extends Transform {
  readonly #watch: AnswerWatch;
  #hasBegun = false;
  #hasEnded = false;

  constructor(watch: AnswerWatch) {
    super();
    this.#watch = watch;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (!this.#hasBegun && !(this.#watch.isEventStream && isComment(chunk))) {
      this.#hasBegun = true;
      this.#watch.onFirstByte();
    }
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    this.#end(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#end(error);
    done(error);
  }

  /** The endpoint's connection broke: an event stream is told so and ends, any other body breaks too. */
  breakOff(cause: Error): void {
    if (this.#hasEnded || this.destroyed) return;
    if (!this.#watch.isEventStream) {
      this.destroy(cause);
      return;
    }
    this.#end(cause);
    const event = JSON.stringify(errorBody(this.#watch.brokenStream(cause)));
    this.end(`data: ${event}\n\ndata: [DONE]\n\n`);
  }

  #end(error: Error | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#watch.onEnd(error);
  }
}
