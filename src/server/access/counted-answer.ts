/** @module The answer of another process on its way through, with its tokens counted against the caller's limit. */
import type { ForwardedAnswer } from "../../core/endpoint.ts";
import type { Caller } from "./caller.ts";

/** The usage stands near the end of an answer. */
const tailCharacters = 4096;
const usage = /"total_tokens"\s*:\s*(\d+)/g;

/** The same bytes. Where the answer states no usage, as a stream may, each of its events counts as a token. */
export function countedAnswer({ body }: ForwardedAnswer, caller: Caller): AsyncIterable<Uint8Array> {
  return caller.hasTokenLimit ? counting(body, caller) : body;
}

async function* counting(body: AsyncIterable<Uint8Array>, caller: Caller): AsyncGenerator<Uint8Array> {
  let tail = "";
  let numEvents = 0;
  try {
    for await (const piece of body) {
      const text = Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString("latin1");
      numEvents += text.split("data: {").length - 1;
      tail = (tail + text).slice(-tailCharacters);
      yield piece;
    }
  } finally {
    const stated = [...tail.matchAll(usage)].at(-1)?.[1];
    caller.useTokens(stated === undefined ? numEvents : Number(stated));
  }
}
