/** @module A JSON answer from its pieces: one string while it is short, a stream beyond that. */
import { Readable } from "node:stream";

/** Characters; a longer answer is sent as it is written, so that it is never in memory as a whole. */
const longestString = 65_536;

export function jsonBody(pieces: Iterable<string>): string | Readable {
  const parts = batches(pieces);
  const first = parts.next();
  if (first.done === true) return "";
  const second = parts.next();
  if (second.done === true) return first.value;
  return Readable.from(prepended([first.value, second.value], parts), {
    objectMode: false,
    encoding: "utf8",
  });
}

/** Pieces joined to strings of about `longestString`. */
function* batches(pieces: Iterable<string>): Generator<string> {
  let batch = "";
  for (const piece of pieces) {
    batch += piece;
    if (batch.length < longestString) continue;
    yield batch;
    batch = "";
  }
  if (batch !== "") yield batch;
}

function* prepended(first: readonly string[], rest: Iterable<string>): Generator<string> {
  yield* first;
  yield* rest;
}
