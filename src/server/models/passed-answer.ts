/** @module The body of another process' answer as what Fastify sends: a short one as a whole, any other as a stream. */
import { Readable } from "node:stream";
import { kib } from "../../core/byte-size.ts";
import type { ForwardedAnswer } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";

/** Bodies up to here are read before their answer begins: one write, and a broken one becomes an error. */
const mostWholeBytes = 64 * kib;

/** null where the body is long, or nothing says how long it will be. */
export async function wholeBody({ headers, body }: ForwardedAnswer): Promise<Buffer | null> {
  const announced = headers["content-length"];
  if (announced === undefined || !(Number(announced) <= mostWholeBytes)) return null;
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of body) pieces.push(piece);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/\.$/, "") : String(cause);
    throw new PagodaError("endpoint_unreachable", `The instance ended while it answered: ${reason}.`, {
      hint: "Send the request again.",
      cause,
    });
  }
  const [first] = pieces;
  return first !== undefined && pieces.length === 1
    ? Buffer.from(first.buffer, first.byteOffset, first.length)
    : Buffer.concat(pieces);
}

/** Reads a piece only when the client has read the one before; its destruction leaves the iteration. */
export class PassedStream extends Readable {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #isOver = false;

  constructor(body: AsyncIterable<Uint8Array>) {
    super({ objectMode: false });
    this.#pieces = body[Symbol.asyncIterator]();
  }

  override _read(): void {
    this.#pieces.next().then(
      ({ done, value }) => {
        this.#isOver ||= done === true;
        this.push(done === true ? null : value);
      },
      (error) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    callback(error);
    if (!this.#isOver) this.#pieces.return?.()?.catch(() => undefined);
  }
}
