/**
 * @module The body of an answer on its way through: notes its first token, and its end, whichever end it is.
 *
 * An event stream that breaks off would look to its client like a short answer. It gets an error event and `[DONE]`.
 */
import { errorBody } from "../../api/error.ts";
import type { PagodaError } from "../../core/errors.ts";

export interface AnswerWatch {
  readonly isEventStream: boolean;
  /** The first piece that is more than a comment: its prompt is computed. */
  onFirstByte(): void;
  /** Exactly once: after the last byte, a failure, or when the client has left. */
  onEnd(): void;
  /** What a client is told whose stream broke off. */
  brokenStream(cause: string): PagodaError;
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
      else if (!hasBegun && !(watch.isEventStream && isComment(result.value))) {
        hasBegun = true;
        watch.onFirstByte();
      }
      return result;
    } catch (error) {
      end();
      if (!watch.isEventStream) throw error;
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
  const event = JSON.stringify(errorBody(watch.brokenStream(cause)));
  return Buffer.from(`data: ${event}\n\ndata: [DONE]\n\n`);
}
