import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SseMessage, SseParser } from "./sse-parser.ts";

const stream = `retry: 1000

id: a-1
event: snapshot
data: {"a":
data: 1}

: ping

data: plain\r
\r
id: a-2
event: delta
data: {"ü": "€"}

event: unfinished
data: x`;

const expected: readonly SseMessage[] = [
  { event: "snapshot", data: '{"a":\n1}', id: "a-1" },
  { event: "message", data: "plain", id: null },
  { event: "delta", data: '{"ü": "€"}', id: "a-2" },
];

test("messages are the same however the stream is cut", () => {
  assert.deepEqual(new SseParser().push(stream), expected);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length - 1), { maxLength: 20 }), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), stream.length];
      const parser = new SseParser();
      const found = places.slice(1).flatMap((end, at) => parser.push(stream.slice(places[at], end)));
      assert.deepEqual(found, expected);
    }),
    { seed: 1, numRuns: 500 },
  );
});
