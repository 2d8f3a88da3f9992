/**
 * Failures that users of other routers reported, over real connections: those of counting, health, errors, roll-outs and broken
 * streams. Those of the choice itself are in affinity.test.ts, in simulated time.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, test } from "node:test";
import { modelRoutes } from "../../core/capabilities.ts";
import type { ForwardedAnswer } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";
import {
  answers,
  body,
  closeRouted,
  firstPiece,
  isIdle,
  restOf,
  routedEndpoint,
  routerOver,
  send,
  text,
} from "../testing/routed-endpoints.ts";
import type { Script } from "../testing/scripted-endpoint.ts";
import { FleetEndpoint } from "./fleet-endpoint.ts";
import { defaultRouterOptions, Router } from "./router.ts";

afterEach(closeRouted);

/** Streams that stay open until `release`. */
function heldStreams(): { readonly script: Script; release(): void } {
  const open: ServerResponse[] = [];
  return {
    script: (_request, answer) => {
      answer.writeHead(200, { "content-type": "text/event-stream" });
      answer.write("data: {}\n\n");
      open.push(answer);
    },
    release: () => {
      for (const answer of open.splice(0)) answer.end();
    },
  };
}

async function readAll(answers: readonly ForwardedAnswer[]): Promise<void> {
  await Promise.all(answers.map((answer) => text(answer.body)));
}

test("3: requests of every route count to the end of their streams: 8 instances get as many each", async () => {
  const { script, release } = heldStreams();
  const { router, endpoints } = await routerOver(Array.from({ length: 8 }, () => script));
  for (const path of [...modelRoutes, "/v1/score", "/v1/something/unheard-of"]) {
    const before = endpoints.map(({ received }) => received.length);
    const open = await Promise.all(Array.from({ length: 32 }, () => send(router, body, undefined, path)));
    const counts = endpoints.map(({ received }, i) => received.length - (before[i] ?? 0));
    assert.deepEqual(counts, Array(8).fill(4), path);
    release();
    await readAll(open);
    assert.ok(isIdle(router, endpoints), path);
  }
});

test("3: a body without JSON, and none at all, count too", async () => {
  const { script, release } = heldStreams();
  const { router, endpoints } = await routerOver([script, script]);
  const { signal } = new AbortController();
  const asked = { method: "POST", path: "/v1/audio", headers: {} };
  const open = await Promise.all([
    router.route({ ...asked, body: Buffer.from("not json") }, "key", signal),
    router.route({ ...asked, method: "GET", body: null }, "key", signal),
  ]);
  assert.deepEqual(
    endpoints.map(({ endpointId }) => router.numOpen(endpointId)),
    [1, 1],
  );
  release();
  await readAll(open);
  assert.ok(isIdle(router, endpoints));
});

test("4: health checks, metrics, settings and an instance that comes back leave the counts of the others alone", async () => {
  const { script, release } = heldStreams();
  const { router, endpoints } = await routerOver([script, script, script]);
  const model = { modelId: "m", maxModelLen: null, createdUnixSeconds: 0 };
  const door = new FleetEndpoint(router, model);
  const open = await Promise.all(Array.from({ length: 9 }, () => send(router)));
  const counts = (): number[] => endpoints.map(({ endpointId }) => router.numOpen(endpointId));
  assert.deepEqual(counts(), [3, 3, 3]);
  for (let i = 0; i < 5; i += 1) {
    await door.health();
    await door.snapshot();
    router.change({ maxWaiting: 50 });
  }
  assert.deepEqual(counts(), [3, 3, 3]);
  // One that was taken out and put back has what it still answers, and no more: its old streams do not count below zero.
  const [first] = endpoints;
  assert.ok(first !== undefined);
  router.remove(first.endpointId);
  router.add(first);
  assert.deepEqual(counts(), [0, 3, 3]);
  const more = await Promise.all(Array.from({ length: 3 }, () => send(router)));
  assert.deepEqual(counts(), [3, 3, 3]);
  release();
  await readAll([...open, ...more]);
  assert.ok(isIdle(router, endpoints));
});

test("5: whatever is the client's fault, or its leaving, opens no breaker; what is the instance's does", async () => {
  const states = [400, 401, 403, 404, 409, 413, 415, 422, 429];
  let status = 200;
  const script: Script = (request, answer) =>
    void (status === 200 ? answers(request, answer) : answer.writeHead(status).end("{}"));
  const { router, endpoints } = await routerOver([script]);
  for (status of states)
    for (let i = 0; i < 15; i += 1) {
      const answer = await send(router);
      assert.equal(answer.status, status);
      await text(answer.body);
    }
  status = 200;
  for (let i = 0; i < 15; i += 1) {
    const leaving = new AbortController();
    const asked = send(router, body, leaving.signal);
    leaving.abort(new Error("the client left"));
    await assert.rejects(asked, /the client left/);
  }
  const numBefore = endpoints[0]?.received.length ?? 0;
  await text((await send(router)).body);
  assert.equal(endpoints[0]?.received.length, numBefore + 1);
  status = 500;
  for (let i = 0; i < 10; i += 1) await text((await send(router)).body);
  const waiting = new AbortController();
  const held = send(router, body, waiting.signal);
  assert.equal(router.numWaiting, 1);
  waiting.abort(new Error("enough"));
  await assert.rejects(held, /enough/);
});

test("5: where every breaker is open the request waits, and is answered when one lets it through", async (t) => {
  let nowMs = 0;
  let status = 500;
  const script: Script = (request, answer) =>
    void (status === 200 ? answers(request, answer) : answer.writeHead(status).end("{}"));
  const { router } = await routerOver([script], { clock: () => nowMs });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (let i = 0; i < 10; i += 1) await text((await send(router)).body);
  const held = send(router);
  assert.equal(router.numWaiting, 1);
  status = 200;
  nowMs = 5000;
  t.mock.timers.tick(5000);
  assert.equal((await held).status, 200);
});

test("9: while a roll-out replaces the only instance, requests wait for the new one", async () => {
  const { router, endpoints } = await routerOver([answers], { waitsForInstance: true });
  const [old] = endpoints;
  assert.ok(old !== undefined);
  await router.drain(old.endpointId);
  const duringDrain = [send(router), send(router)];
  router.remove(old.endpointId);
  const duringGap = [send(router), send(router)];
  assert.equal(router.numWaiting, 4);
  router.add(await routedEndpoint("new", answers));
  for (const answer of await Promise.all([...duringDrain, ...duringGap])) {
    assert.equal(answer.headers["x-pagoda-instance"], "new");
    assert.match(await text(answer.body), /DONE/);
  }
});

test("9: a request whose only instance ends before it answers waits for the next, and is answered by it", async () => {
  const { router, endpoints } = await routerOver([(_request, answer) => void answer.destroy()], {
    waitsForInstance: true,
  });
  const [old] = endpoints;
  assert.ok(old !== undefined);
  const held = send(router);
  while (old.received.length === 0) await new Promise((wake) => setImmediate(wake));
  router.remove(old.endpointId);
  await old.close();
  const next = await routedEndpoint("e0", answers);
  router.add(next);
  const answer = await held;
  assert.match(await text(answer.body), /DONE/);
  assert.equal(next.received.length, 1);
  assert.ok(isIdle(router, [next]));
});

test("9: an instance whose port is closed for a moment is tried until it is back", async () => {
  const { router, endpoints } = await routerOver([answers]);
  const [endpoint] = endpoints;
  assert.ok(endpoint !== undefined);
  await endpoint.close();
  const held = send(router);
  // Refused at least once before it is back.
  await new Promise((wake) => setTimeout(wake, 20));
  await endpoint.reopen();
  const answer = await held;
  assert.match(await text(answer.body), /DONE/);
  assert.ok(isIdle(router, endpoints));
});

test("9: a request that ends every instance it comes to is given up after three", async () => {
  const dies: Script = (_request, answer) => void answer.destroy();
  const { router, endpoints } = await routerOver([dies, dies, dies, dies, dies]);
  await assert.rejects(
    send(router),
    (error) => error instanceof PagodaError && error.code === "endpoint_unreachable",
  );
  assert.equal(
    endpoints.reduce((sum, { received }) => sum + received.length, 0),
    3,
  );
  assert.ok(isIdle(router, endpoints));
});

test("9: the wait is bounded by the queue's deadline, and those without hope are told at once", async () => {
  const options = { ...defaultRouterOptions, queueDeadlineMs: 30 };
  await assert.rejects(
    send(new Router("m", { ...options, waitsForInstance: true })),
    (error) => error instanceof PagodaError && error.code === "not_ready",
  );
  const { router, endpoints } = await routerOver([answers], { lookahead: 0 }, 0);
  const held = send(router);
  assert.equal(router.numWaiting, 1);
  router.remove(endpoints[0]?.endpointId ?? "");
  await assert.rejects(held, (error) => error instanceof PagodaError && error.code === "not_ready");
});

test("10: an instance that dies in mid-stream ends the stream with an error event, and nothing is sent twice", async () => {
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

test("10: a stream that breaks off ends with an error in the form of its protocol", async () => {
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

test("10: a stream that falls silent is ended with an error, and one that its client does not read is not", async (t) => {
  const { script, release } = heldStreams();
  const { router, endpoints } = await routerOver([script]);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const unread = await send(router);
  const slowReader = await firstPiece(unread);
  t.mock.timers.tick(1_000_000);
  const silent = await send(router);
  const pieces = await firstPiece(silent);
  const next = pieces.next();
  t.mock.timers.tick(130_000);
  assert.match(
    String((await next).value),
    /"The instance e0 ended while it answered: it said nothing for 120 s/,
  );
  assert.equal((await pieces.next()).done, true);
  assert.equal(router.numOpen("e0"), 1);
  release();
  await restOf(slowReader);
  assert.ok(isIdle(router, endpoints));
});
