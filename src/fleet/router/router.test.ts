/** The router over real connections of the loopback interface. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import {
  answers,
  body,
  closeRouted,
  firstPiece,
  isIdle,
  restOf,
  routerOver,
  send,
  text,
} from "../testing/routed-endpoints.ts";
import type { Script } from "../testing/scripted-endpoint.ts";
import { Router } from "./router.ts";

afterEach(closeRouted);

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
