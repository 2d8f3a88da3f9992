/**
 * @module The answer to a streaming request whose model is not ready yet: the stream begins at once, comments keep its
 * connection open, and the events of the real answer follow. What goes wrong meanwhile is its last event.
 */
import { toPagodaError } from "../../api/error.ts";
import { errorEvent } from "../../api/stream-text.ts";
import type { ForwardedAnswer } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const mostErrorBytes = 64 * 1024;

/** `answer` is the real answer's promise; `comment` is what each ping says. */
export function waitingAnswer(
  answer: Promise<ForwardedAnswer>,
  comment: () => string,
  everyMs: number,
): ForwardedAnswer {
  return {
    status: 200,
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-pagoda-route-reason": "waited for a start",
    },
    body: eventsOf(answer, comment, everyMs),
  };
}

async function* eventsOf(
  answer: Promise<ForwardedAnswer>,
  comment: () => string,
  everyMs: number,
): AsyncGenerator<Uint8Array> {
  try {
    let real: ForwardedAnswer | null = null;
    while (real === null) {
      yield bytes(`: ${comment().replaceAll(/\s+/g, " ")}\n\n`);
      real = await Promise.race([answer, later(everyMs)]);
    }
    if (isEvents(real)) yield* real.body;
    else yield bytes(`data: ${await errorText(real)}\n\ndata: [DONE]\n\n`);
  } catch (thrown) {
    yield bytes(errorEvent(toPagodaError(thrown)));
  }
}

const later = (ms: number): Promise<null> => new Promise((wake) => setTimeout(() => wake(null), ms).unref());

function isEvents({ status, headers }: ForwardedAnswer): boolean {
  const type = headers["content-type"];
  return status === 200 && typeof type === "string" && type.startsWith("text/event-stream");
}

/** The body of a refusal on one line; it is JSON, or it is put into our own shape. */
async function errorText({ status, body }: ForwardedAnswer): Promise<string> {
  const pieces: Uint8Array[] = [];
  let numBytes = 0;
  for await (const piece of body) {
    pieces.push(piece);
    numBytes += piece.length;
    if (numBytes > mostErrorBytes) break;
  }
  try {
    return JSON.stringify(JSON.parse(Buffer.concat(pieces).toString("utf8")));
  } catch (cause) {
    throw new PagodaError("engine_failed", `The instance answered ${status}, and not with events.`, {
      hint: "Send the request again without stream to see its answer.",
      cause,
    });
  }
}
