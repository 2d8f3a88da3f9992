/**
 * @module A streamed answer of our own engine whose instance may end: another one goes on from the tokens that were passed on.
 * Nothing is sent twice, and the text is what it would have been: random numbers belong to positions (decision 045), and
 * results do not depend on what else an instance computes.
 */
import { setTimeout as pause } from "node:timers/promises";
import {
  callerHeaders,
  type ForwardedAnswer,
  type ForwardedRequest,
  resumeField,
  type StreamPosition,
} from "../../../core/endpoint.ts";
import { PagodaError } from "../../../core/errors.ts";
import { MarkedStream } from "./marked-stream.ts";

export interface ResumeParts {
  readonly signal: AbortSignal;
  /** Routes a request as if it were a new one; its answer's body throws where it breaks off. */
  readonly ask: (request: ForwardedRequest) => Promise<ForwardedAnswer>;
  /** How long a stream may wait for an instance, ms. */
  readonly mostWaitMs: number;
  readonly clock: () => number;
  /** What a client reads last whose stream nobody goes on with. */
  readonly brokenStreamText: (cause: string) => string;
}

const resumablePaths = /^\/v1\/(?:chat\/)?completions(?:\?|$)/;
/** Instances in turn that may end without one more event: the request may be what ends them. */
const mostFruitless = 3;
const lookAgainMs = 100;
const numSeeds = 2 ** 48;

/** Whether an instance may be asked to mark the answer; it decides for itself whether it does. */
export const mayBeResumed = (path: string, wantsStream: boolean): boolean =>
  wantsStream && resumablePaths.test(path);

export const isMarked = ({ headers }: ForwardedAnswer): boolean =>
  headers[callerHeaders.resume] !== undefined;

export async function resumedAnswer(asked: ForwardedRequest, parts: ResumeParts): Promise<ForwardedAnswer> {
  const seed = Math.floor(Math.random() * numSeeds);
  const first = { ...asked, headers: { ...asked.headers, [callerHeaders.resume]: `start ${seed}` } };
  const answer = await parts.ask(first);
  if (!isMarked(answer)) return answer;
  const { [callerHeaders.resume]: _marked, ...headers } = answer.headers;
  return { ...answer, headers, body: wholeStream(first, answer, new MarkedStream(seed), parts) };
}

async function* wholeStream(
  first: ForwardedRequest,
  begun: ForwardedAnswer,
  stream: MarkedStream,
  parts: ResumeParts,
): AsyncGenerator<Uint8Array> {
  let answer: ForwardedAnswer = begun;
  let numFruitless = 0;
  for (;;) {
    const numMarks = stream.numMarks;
    let cause: string;
    try {
      for await (const piece of answer.body) {
        const events = stream.take(piece);
        if (events.length > 0) yield events;
      }
      yield stream.end();
      return;
    } catch (thrown) {
      if (parts.signal.aborted) throw thrown;
      cause = thrown instanceof Error ? thrown.message : String(thrown);
    }
    stream.drop();
    numFruitless = stream.numMarks > numMarks ? 0 : numFruitless + 1;
    const next = numFruitless < mostFruitless ? await nextAnswer(first, stream.position, parts) : null;
    if (next === null) {
      yield Buffer.from(parts.brokenStreamText(cause));
      return;
    }
    answer = next;
  }
}

/** null where nobody goes on. While there is no instance it waits for one. */
async function nextAnswer(
  first: ForwardedRequest,
  position: StreamPosition | null,
  { ask, signal, clock, mostWaitMs }: ResumeParts,
): Promise<ForwardedAnswer | null> {
  const request = position === null ? first : resuming(first, position);
  const untilMs = clock() + mostWaitMs;
  for (;;) {
    try {
      const answer = await ask(request);
      if (isMarked(answer)) return answer;
      await answer.body[Symbol.asyncIterator]().return?.();
      return null;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      const mayCome = thrown instanceof PagodaError && thrown.code === "not_ready";
      if (!mayCome || clock() >= untilMs) return null;
    }
    await pause(lookAgainMs, undefined, { signal });
  }
}

/** The same bytes with one more field; of several with its name, the last one counts. */
function resuming(first: ForwardedRequest, position: StreamPosition): ForwardedRequest {
  const text = Buffer.from(first.body ?? "{}")
    .toString("utf8")
    .trimEnd()
    .replace(/\}$/, "");
  const comma = /\{\s*$/.test(text) ? "" : ",";
  const body = Buffer.from(`${text}${comma}"${resumeField}":${JSON.stringify(position)}}`);
  return { ...first, headers: { ...first.headers, [callerHeaders.resume]: "resume" }, body };
}
