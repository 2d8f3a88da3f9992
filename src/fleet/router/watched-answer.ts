/**
 * @module The body of an answer on its way through: notes its first token, and its end, whichever end it is.
 *
 * A stream that breaks off would look to its client like a short answer. It gets an error as its last event or line.
 */
export interface AnswerWatch {
  /** Events or lines, of which the client reads each when it comes. */
  readonly isStreamed: boolean;
  /** The first piece that is more than a comment: its prompt is computed. */
  onFirstByte(): void;
  /** Exactly once: after the last byte, a failure, or when the client has left. */
  onEnd(): void;
  /** What a client reads last whose stream broke off. */
  brokenStreamText(cause: string): string;
}

const colon = 0x3a;

/** Server-sent comments (`: ping`) begin with a colon; they keep a connection open and carry nothing. */
const isComment = (piece: Uint8Array): boolean => piece[0] === colon;

/**
 * The same bytes. A piece is asked for only when the client has read the one before. Leaving the iteration ends the
 * exchange with the endpoint; a body that is never read has to be left too.
 */
export function watchedAnswer(
  body: AsyncIterable<Uint8Array>,
  watch: AnswerWatch,
): AsyncIterable<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]();
  let hasBegun = false;
  let hasEnded = false;
  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    watch.onEnd();
  };
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    if (hasEnded) return { done: true, value: undefined };
    try {
      const result = await pieces.next();
      if (result.done === true) end();
      else if (!hasBegun && !(watch.isStreamed && isComment(result.value))) {
        hasBegun = true;
        watch.onFirstByte();
      }
      return result;
    } catch (error) {
      end();
      if (!watch.isStreamed) throw error;
      return { done: false, value: lastEvents(watch, error) };
    }
  };
  const leave = async (): Promise<IteratorResult<Uint8Array>> => {
    end();
    await pieces.return?.();
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: leave }) };
}

function lastEvents(watch: AnswerWatch, error: unknown): Uint8Array {
  const cause = error instanceof Error ? error.message : String(error);
  return Buffer.from(watch.brokenStreamText(cause));
}
