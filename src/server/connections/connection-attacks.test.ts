/** Attacks over real sockets of the loopback interface, bounded in number and time. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type TestApp, testApp } from "../testing/test-app.ts";
import { defaultConnectionLimits } from "./connection-ledger.ts";

async function attacked(t: TestContext, limits: Partial<typeof defaultConnectionLimits>, given?: TestApp) {
  const connectionLimits = { ...defaultConnectionLimits, ...limits };
  const target = given ?? testApp({ text: "hello" }, { connectionLimits });
  await target.app.listen({ port: 0, host: "127.0.0.1" });
  const address = target.app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  const { port } = address;
  const sockets: Socket[] = [];
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await target.app.close();
  });
  const open = async (bytes: string): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1");
    // The server may close it at any time: that is what is tested.
    socket.on("error", () => undefined);
    sockets.push(socket);
    await once(socket, "connect");
    socket.write(bytes);
    return socket;
  };
  const figure = async (name: string): Promise<number> => {
    const metrics = await target.metrics.scrape([]);
    return Number(
      metrics
        .split("\n")
        .find((line) => line.startsWith(name))
        ?.split(" ")
        .at(-1),
    );
  };
  return { ...target, port, open, figure };
}

test("headers that are never finished do not fill the heap: the oldest are closed, and others are answered", async (t) => {
  const { port, open, figure } = await attacked(t, { headerCapacityBytes: 200_000 });
  const header = `GET /health HTTP/1.1\r\nhost: x\r\nlong: ${"a".repeat(14_700)}\r\n`;
  for (let i = 0; i < 60; i++) await open(header);
  const answer = await fetch(`http://127.0.0.1:${port}/health`);
  assert.equal(answer.status, 200);
  while ((await figure('pagoda:connections_closed_total{reason="headers"}')) < 60 - 14) await pause(5);
  assert.ok((await figure("pagoda:connection_header_bytes")) <= 200_000);
});

test("many small headers are refused by number", async (t) => {
  const { open } = await attacked(t, {});
  const socket = await open(`GET /health HTTP/1.1\r\n${"a: b\r\n".repeat(1000)}`);
  const [answer] = await once(socket, "data");
  assert.match(String(answer), /^HTTP\/1\.1 431 [\s\S]*"code":"invalid_request"/);
});

test("silent connections beyond the limit are told so in HTTP, and give way when they have waited", async (t) => {
  const { port, open, figure } = await attacked(t, { mostConnections: 20 });
  for (let i = 0; i < 20; i++) await open("");
  while ((await figure("pagoda:connections_open")) < 20) await pause(5);
  const refused = await fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: "close" } });
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  assert.match(
    ((await refused.json()) as { error: { message: string } }).error.message,
    /^This server has 20 open connections/,
  );
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: "close" } });
    if (answer.status === 200) break;
    await pause(50);
  }
  assert.ok((await figure('pagoda:connections_closed_total{reason="idle"}')) > 0);
  assert.ok((await figure("pagoda:connections_open")) <= 21);
});

test("a client that sends many requests ahead is closed, and what it reserved is free again", async (t) => {
  const gate = Promise.withResolvers<void>();
  const given = testApp({ text: "x", beforeToken: () => gate.promise });
  const { open, figure, running, service } = await attacked(t, {}, given);
  const body = JSON.stringify({ prompt: "a" });
  const one = `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const socket = await open(one.repeat(16));
  while (service.requests.length < 16) await pause(5);
  socket.write(one);
  await once(socket, "close");
  assert.equal(await figure('pagoda:connections_closed_total{reason="pipelining"}'), 1);
  while (running.numRunning > 0) await pause(5);
  gate.resolve();
  while (service.numEndings < 16) await pause(5);
  assert.equal(await figure("pagoda:connection_header_bytes"), 0);
});

test("answers that nobody reads are held within the limit", async (t) => {
  const { port, open, figure } = await attacked(t, { unsentCapacityBytes: 100_000 });
  const page = "GET /docs/planner.md HTTP/1.1\r\nhost: x\r\n\r\n";
  const readers = await Promise.all(Array.from({ length: 16 }, () => open("")));
  for (const reader of readers) reader.pause();
  const closed = () => figure('pagoda:connections_closed_total{reason="unread"}');
  for (let round = 0; (await closed()) === 0; round++) {
    assert.ok(round < 4000, "no answer was ever too much");
    for (const reader of readers) if (reader.writable) reader.write(page);
    await pause(5);
  }
  assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
});
