/**
 * @module The body of an answer on its way through: notes its first token, and its end, whichever end it is.
 *
 * A stream that breaks off would look to its client like a short answer, and one that falls silent like a slow one. Both get
 * an error as their last event or line.
 */
import type { ForwardedAnswer } from "../../../core/endpoint.ts";

export interface AnswerWatch {
  /** Events or lines, of which the client reads each when it comes. */
  readonly isStreamed: boolean;
  /** Milliseconds after which a stream that has begun, and says nothing though its client reads, is broken. */
  readonly mostSilenceMs: number;
  /** The first piece that is more than a comment: its prompt is computed. */
  onFirstByte(): void;
  /** Exactly once: after the last byte, a failure, or when the client has left. `tail`: the last pieces that were read. */
  onEnd(numPieces: number, tail: readonly Uint8Array[]): void;
  /** What a client reads last whose stream broke off; null: the reader is told, and knows what to do. */
  readonly brokenStreamText: ((cause: string) => string) | null;
}

const colon = 0x3a;

/** Server-sent comments (`: ping`) begin with a colon; they keep a connection open and carry nothing. */
const isComment = (piece: Uint8Array): boolean => piece[0] === colon;

/**
 * The same bytes. A piece is asked for only when the client has read the one before. Leaving the iteration ends the
 * exchange with the endpoint; a body that is never read has to be left too.
 */
export function watchedAnswer(body: ForwardedAnswer["body"], watch: AnswerWatch): AsyncIterable<Uint8Array> {
  const watched = new WatchedAnswer(body, watch);
  return {
    [Symbol.asyncIterator]: () => ({ next: () => watched.next(), return: () => watched.leave() }),
  };
}

class WatchedAnswer {
  readonly #body: ForwardedAnswer["body"];
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #watch: AnswerWatch;
  #hasBegun = false;
  #hasEnded = false;
  #numPieces = 0;
  /** The last pieces: what they say of the usage is read at the end. */
  #tail: readonly Uint8Array[] = [];
  /** Looks now and then how long the stream has been silent; null before the first piece. */
  #silence: SilenceTimer | null = null;

  constructor(body: ForwardedAnswer["body"], watch: AnswerWatch) {
    this.#body = body;
    this.#pieces = body[Symbol.asyncIterator]();
    this.#watch = watch;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#hasEnded) return { done: true, value: undefined };
    try {
      this.#silence?.listen();
      const result = await this.#pieces.next();
      this.#silence?.rest();
      if (result.done === true) this.#end();
      else this.#note(result.value);
      return result;
    } catch (error) {
      this.#end();
      const { isStreamed, brokenStreamText } = this.#watch;
      if (!isStreamed || brokenStreamText === null) throw error;
      const cause = error instanceof Error ? error.message : String(error);
      return { done: false, value: Buffer.from(brokenStreamText(cause)) };
    }
  }

  async leave(): Promise<IteratorResult<Uint8Array>> {
    this.#end();
    await this.#pieces.return?.();
    return { done: true, value: undefined };
  }

  #note(piece: Uint8Array): void {
    this.#numPieces += 1;
    const last = this.#tail.at(-1);
    this.#tail = last === undefined ? [piece] : [last, piece];
    const { isStreamed, mostSilenceMs } = this.#watch;
    if (this.#hasBegun || (isStreamed && isComment(piece))) return;
    this.#hasBegun = true;
    if (isStreamed) this.#silence = new SilenceTimer(mostSilenceMs, () => this.#fallSilent());
    this.#watch.onFirstByte();
  }

  /** Whoever waits for the next piece is told. */
  #fallSilent(): void {
    const { mostSilenceMs } = this.#watch;
    const error = new Error(`it said nothing for ${Math.round(mostSilenceMs / 1000)} s`);
    this.#body.destroy?.(error);
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#silence?.stop();
    this.#watch.onEnd(this.#numPieces, this.#tail);
  }
}

/** One timer for a whole stream: it is not set anew for each piece, and counts only while a piece is waited for. */
class SilenceTimer {
  readonly #mostMs: number;
  readonly #timer: NodeJS.Timeout;
  /** Whether a piece has been waited for since the last look. */
  #isAwaited = false;
  #wasAwaited = false;

  constructor(mostMs: number, onSilence: () => void) {
    this.#mostMs = mostMs;
    // Between one and one and a half times the limit.
    this.#timer = setInterval(() => {
      if (this.#isAwaited && this.#wasAwaited) onSilence();
      this.#wasAwaited = this.#isAwaited;
    }, this.#mostMs / 2);
    this.#timer.unref();
  }

  listen(): void {
    [this.#isAwaited, this.#wasAwaited] = [true, false];
  }

  rest(): void {
    this.#isAwaited = false;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
