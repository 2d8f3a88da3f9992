/** The router over instances that mark their streams and end in the middle of them. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, test } from "node:test";
import { resumeField, type StreamPosition } from "../../../core/endpoint.ts";
import { body, closeRouted, isIdle, routerOver, send, text } from "../../testing/routed-endpoints.ts";
import type { ReceivedRequest, Script } from "../../testing/scripted-endpoint.ts";
import { MarkedStream } from "./marked-stream.ts";

afterEach(closeRouted);

const numTokens = 9;
const eventOf = (index: number): string => `data: {"t":"${index}"}\n\n`;
const whole = `data: {"role":1}\n\n${Array.from({ length: numTokens }, (_, i) => eventOf(i)).join("")}data: {"stop":1}\n\ndata: {"usage":1}\n\ndata: [DONE]\n\n`;

function positionOf({ headers, body: bytes }: ReceivedRequest): StreamPosition | null {
  if (headers["x-pagoda-resumable"] !== "resume") return null;
  return JSON.parse(bytes.toString())[resumeField];
}

/** Tokens are their index. It ends after `most` of its own segments: the role, each token, the stop; then comes the rest. */
function marking(most: (nth: number) => number, cutsInside = false): Script {
  let nth = 0;
  return (request, answer: ServerResponse) => {
    const position = positionOf(request);
    const left = most(nth++);
    const segments: string[] = [];
    if (position === null)
      segments.push(`data: {"role":1}\n\n: pagoda {"answerId":"a","createdUnixSeconds":7}\n\n`);
    for (let i = position?.tokenIds.length ?? 0; i < numTokens; i += 1)
      segments.push(`${eventOf(i)}: pagoda ${i}\n\n`);
    if (position?.hasFinished !== true) segments.push(`data: {"stop":1}\n\n: pagoda end\n\n`);
    answer.writeHead(200, { "content-type": "text/event-stream", "x-pagoda-resumable": "yes" });
    const end = `data: {"usage":1}\n\ndata: [DONE]\n\n`;
    if (left > segments.length) {
      answer.end(segments.join("") + end);
      return;
    }
    const cut = cutsInside && left < segments.length ? (segments[left] ?? "").slice(0, 9) : "";
    const sent = segments.slice(0, left).join("") + cut;
    if (sent === "") answer.flushHeaders();
    else answer.write(sent);
    setTimeout(() => answer.destroy(), 5);
  };
}

test("wherever the stream breaks, its client reads every event once, and no mark", async () => {
  for (let most = 0; most <= numTokens + 2; most += 1)
    for (const cutsInside of [false, true]) {
      const { router, endpoints } = await routerOver([marking(() => most, cutsInside), marking(() => 100)], {
        resumesStreams: true,
      });
      const answer = await send(router);
      assert.equal(answer.headers["x-pagoda-resumable"], undefined);
      assert.equal(await text(answer.body), whole, `after ${most}`);
      assert.ok(isIdle(router, endpoints));
      assert.equal(endpoints[1]?.received.length, 1);
    }
});

test("each of many instances may end as long as the stream gets on; the body stays, with the position behind it", async () => {
  const { router, endpoints } = await routerOver([marking(() => 2), marking(() => 2)], {
    resumesStreams: true,
  });
  const answer = await send(router, { ...body, seed: 1 });
  assert.equal(await text(answer.body), whole);
  const received = endpoints.flatMap((endpoint) => endpoint.received);
  assert.ok(received.length >= 5);
  for (const request of received) {
    const { [resumeField]: position, ...rest } = JSON.parse(request.body.toString());
    assert.deepEqual(rest, { ...body, seed: 1 });
    if (position !== undefined) assert.deepEqual([position.answerId, position.createdUnixSeconds], ["a", 7]);
  }
});

test("one that ends every instance without another event is given up with an error event", async () => {
  const { router, endpoints } = await routerOver([marking((nth) => (nth === 0 ? 3 : 0)), marking(() => 0)], {
    resumesStreams: true,
  });
  const said = await text((await send(router)).body);
  assert.match(said, /"t":"1"\}\n\ndata: \{"error":\{"message":"The instance m ended while it answered/);
  assert.ok(isIdle(router, endpoints));
});

test("a stream without marks, and one that nobody wants resumed, ends with an error event", async () => {
  const unmarked: Script = (_request, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write(eventOf(0), () => answer.destroy());
  };
  for (const [script, resumesStreams] of [
    [unmarked, true],
    [marking(() => 2), false],
  ] as const) {
    const { router, endpoints } = await routerOver([script, script], { resumesStreams });
    const answer = await send(router);
    assert.match(await text(answer.body), /ended while it answered/);
    const headers = endpoints.flatMap(({ received }) => received.map((request) => request.headers));
    assert.equal(headers[0]?.["x-pagoda-resumable"] !== undefined, resumesStreams);
  }
});

test("marks are found in whatever pieces they arrive", () => {
  const marked = `data: 1\n\n: pagoda {"answerId":"x","createdUnixSeconds":1}\n\n: ping\n\ndata: 2\n\n: pagoda 15 27\n\n: pagoda 3\n\ndata: 3\n\n: pagoda end\n\ndata: [DONE]\n\n`;
  for (let size = 1; size <= marked.length; size += 1) {
    const stream = new MarkedStream(5);
    const read: Buffer[] = [];
    for (let at = 0; at < marked.length; at += size)
      read.push(stream.take(Buffer.from(marked.slice(at, at + size))));
    read.push(stream.end());
    assert.equal(
      Buffer.concat(read).toString(),
      "data: 1\n\n: ping\n\ndata: 2\n\ndata: 3\n\ndata: [DONE]\n\n",
      `in pieces of ${size}`,
    );
    assert.deepEqual(stream.position, {
      seed: 5,
      answerId: "x",
      createdUnixSeconds: 1,
      tokenIds: [15, 27, 3],
      hasFinished: true,
    });
  }
});
