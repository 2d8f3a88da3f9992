/** The router over real connections of the loopback interface. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { ForwardedAnswer } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";
import {
  type Script,
  type ScriptedEndpoint,
  scriptedEndpoint,
  streamOf,
} from "../testing/scripted-endpoint.ts";
import { defaultRouterOptions, Router, type RouterOptions } from "./router.ts";

const started: ScriptedEndpoint[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((endpoint) => endpoint.close()));
});

/** A router over one endpoint for each script, called e0, e1, … */
async function routerOver(scripts: readonly Script[], options: Partial<RouterOptions> = {}, seats = 8) {
  const router = new Router("m", { ...defaultRouterOptions, ...options });
  const endpoints: ScriptedEndpoint[] = [];
  for (const [index, script] of scripts.entries()) {
    const endpoint = await scriptedEndpoint(`e${index}`, script, { seats });
    started.push(endpoint);
    endpoints.push(endpoint);
    router.add(endpoint);
  }
  return { router, endpoints };
}

const body = { model: "m", messages: [{ role: "user", content: "Hi" }], stream: true };

function send(
  router: Router,
  asked: object = body,
  signal = new AbortController().signal,
  path = "/v1/chat/completions?x=1",
): Promise<ForwardedAnswer> {
  const bytes = Buffer.from(JSON.stringify(asked));
  const headers = { "content-type": "application/json", "x-request-id": "abc", authorization: "Bearer k" };
  return router.route({ method: "POST", path, headers, body: bytes }, "key", signal);
}

/** All of a body as text. */
async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** Reads one piece and leaves the rest unread. */
async function firstPiece(answer: ForwardedAnswer): Promise<AsyncIterator<Uint8Array>> {
  const pieces = answer.body[Symbol.asyncIterator]();
  await pieces.next();
  return pieces;
}

async function restOf(pieces: AsyncIterator<Uint8Array>): Promise<void> {
  while ((await pieces.next()).done !== true);
}

const answers: Script = (_request, answer) => streamOf(answer, ['{"a":1}', '{"b":2}']);
const isIdle = (router: Router, endpoints: readonly ScriptedEndpoint[]): boolean =>
  endpoints.every(({ endpointId }) => router.numOpen(endpointId) === 0);

test("bytes, path and headers pass unchanged, both ways, and the answer says where it came from", async () => {
  const { router, endpoints } = await routerOver([answers]);
  const answer = await send(router);
  assert.equal(await text(answer.body), 'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n');
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["x-pagoda-instance"], "e0");
  assert.match(String(answer.headers["x-pagoda-route-reason"]), /^only; match=0; attempts=1$/);
  const [received] = endpoints[0]?.received ?? [];
  assert.equal(received?.url, "/v1/chat/completions?x=1");
  assert.equal(received?.body.toString(), JSON.stringify(body));
  assert.equal(received?.headers["x-request-id"], "abc");
  assert.equal(received?.headers.authorization, "Bearer k");
  assert.ok(isIdle(router, endpoints));
});

test("an instance that is gone, and one that says 503, are passed over before the first byte", async () => {
  const { router, endpoints } = await routerOver([
    (_request, answer) => void answer.destroy(),
    (_request, answer) => void answer.writeHead(503, { "retry-after": "1" }).end("{}"),
    answers,
  ]);
  const answer = await send(router);
  assert.equal(answer.headers["x-pagoda-instance"], "e2");
  assert.match(String(answer.headers["x-pagoda-route-reason"]), /attempts=3$/);
  assert.match(await text(answer.body), /DONE/);
  assert.ok(isIdle(router, endpoints));
});

test("an error of the client's own is passed on as it is, tried once, and opens no breaker", async () => {
  const refuses: Script = (_request, answer) => void answer.writeHead(400).end('{"error":{"message":"bad"}}');
  const { router, endpoints } = await routerOver([refuses]);
  for (let i = 0; i < 20; i += 1) {
    const answer = await send(router);
    assert.equal(answer.status, 400);
    assert.equal(await text(answer.body), '{"error":{"message":"bad"}}');
  }
  assert.equal(endpoints[0]?.received.length, 20);
});

test("when every instance fails, the last failure is the answer, or an error that says so", async () => {
  const busy: Script = (_request, answer) => void answer.writeHead(503, { "retry-after": "7" }).end("busy");
  const { router } = await routerOver([busy, busy]);
  const answer = await send(router);
  assert.deepEqual(
    [answer.status, answer.headers["retry-after"], await text(answer.body)],
    [503, "7", "busy"],
  );
  const gone = await routerOver([(_request, out) => void out.destroy()]);
  await assert.rejects(
    send(gone.router),
    (error) =>
      error instanceof PagodaError &&
      error.code === "endpoint_unreachable" &&
      /did not answer/.test(error.message),
  );
  assert.ok(isIdle(gone.router, gone.endpoints));
});

test("an instance that dies in mid-stream ends the stream with an error event, and nothing is sent twice", async () => {
  const dies: Script = (_request, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write('data: {"a":1}\n\n', () => setImmediate(() => answer.destroy()));
  };
  const { router, endpoints } = await routerOver([dies, answers]);
  const first = await send(router);
  const said = await text(first.body);
  assert.match(
    said,
    /^data: \{"a":1\}\n\ndata: \{"error":\{"message":"The instance e0 ended while it answered/,
  );
  assert.match(said, /data: \[DONE\]\n\n$/);
  assert.equal(endpoints[1]?.received.length, 0);
  assert.ok(isIdle(router, endpoints));
});

test("a whole answer that breaks off is a broken answer, not a short one", async () => {
  const dies: Script = (_request, answer) => {
    answer.writeHead(200, { "content-type": "application/json", "content-length": 100 });
    answer.write("{", () => setImmediate(() => answer.destroy()));
  };
  const { router, endpoints } = await routerOver([dies]);
  const answer = await send(router, { ...body, stream: false });
  await assert.rejects(text(answer.body));
  assert.ok(isIdle(router, endpoints));
});

test("a client that leaves ends the request at the instance", async () => {
  const endless: Script = (_request, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write("data: {}\n\n");
  };
  const { router, endpoints } = await routerOver([endless]);
  const leaving = new AbortController();
  const answer = await send(router, body, leaving.signal);
  const pieces = await firstPiece(answer);
  leaving.abort(new Error("the client left"));
  await pieces.return?.();
  while (endpoints[0]?.numAborted === 0) await new Promise((wake) => setTimeout(wake, 5));
  assert.ok(isIdle(router, endpoints));
});

test("a stream holds its seat to its end, comments are no first token, and a full instance makes the next one wait", async () => {
  const release: (() => void)[] = [];
  const slow: Script = (_request, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write(": ping\n\n");
    release.push(() => answer.end("data: [DONE]\n\n"));
  };
  const { router, endpoints } = await routerOver([slow], { lookahead: 0 }, 1);
  const first = await send(router);
  const pieces = await firstPiece(first);
  const second = send(router);
  assert.equal(router.numWaiting, 1);
  assert.equal(endpoints[0]?.received.length, 1);
  release[0]?.();
  await restOf(pieces);
  const answer = await second;
  release[1]?.();
  assert.equal(await text(answer.body), ": ping\n\ndata: [DONE]\n\n");
  assert.ok(isIdle(router, endpoints));
});

test("a draining instance gets nothing new and is done when its last stream is", async () => {
  const release: (() => void)[] = [];
  const slow: Script = (_request, answer) => {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write("data: {}\n\n");
    release.push(() => answer.end());
  };
  const { router, endpoints } = await routerOver([slow, answers]);
  const open = await send(router);
  const id = String(open.headers["x-pagoda-instance"]);
  assert.equal(id, "e0");
  let isDone = false;
  const drained = router.drain(id).then(() => {
    isDone = true;
  });
  for (let i = 0; i < 5; i += 1) {
    const answer = await send(router);
    assert.equal(answer.headers["x-pagoda-instance"], "e1");
    await text(answer.body);
  }
  assert.equal(isDone, false);
  release[0]?.();
  await text(open.body);
  await drained;
  assert.equal(isDone, true);
  assert.equal(endpoints[0]?.received.length, 1);
});

test("no instance at all is said at once, with what to do", async () => {
  await assert.rejects(send(new Router("m")), /No instance of m is ready/);
});

test("a stream that breaks off ends with an error in the form of its protocol", async () => {
  const cases = [
    [
      "/v1/completions",
      "text/event-stream",
      /\ndata: \{"error":\{"message":"The instance e0 ended [\s\S]*\[DONE\]\n\n$/,
    ],
    ["/v1/responses", "text/event-stream", /\nevent: error\ndata: \{"type":"error","sequence_number":null/],
    [
      "/v1/messages",
      "text/event-stream",
      /\nevent: error\ndata: \{"type":"error","error":\{"type":"api_error"/,
    ],
    ["/api/chat", "application/x-ndjson", /\n\{"error":"The instance e0 ended [^\n]*\}\n$/],
  ] as const;
  for (const [path, type, ending] of cases) {
    const { router } = await routerOver([
      (_request, answer) => {
        answer.writeHead(200, { "content-type": type });
        answer.write("first\n", () => answer.destroy());
      },
    ]);
    const answer = await send(router, body, undefined, path);
    assert.match(await text(answer.body), ending);
  }
});
