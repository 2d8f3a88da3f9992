import assert from "node:assert/strict";
import { once } from "node:events";
import { IncomingMessage } from "node:http";
import { connect, Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { kib } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { testApp } from "../testing/test-app.ts";
import { bodyWithReadTimeout } from "./body-read-timeout.ts";

const nextTurn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

function begun(t: TestContext) {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const request = new IncomingMessage(new Socket());
  const body = bodyWithReadTimeout(request);
  let numBytes = 0;
  let fault: unknown = null;
  body.on("data", (chunk: Buffer) => {
    numBytes += chunk.length;
  });
  body.on("error", (error) => {
    fault = error;
  });
  return { request, body, seen: () => ({ numBytes, fault }) };
}

test("a body that comes slowly is read to its end, however long it takes", async (t) => {
  const { request, body, seen } = begun(t);
  for (let i = 0; i < 60; i++) {
    request.push(Buffer.alloc(64 * kib));
    await nextTurn();
    t.mock.timers.tick(10_000);
  }
  request.push(null);
  await once(body, "end");
  assert.deepEqual(seen(), { numBytes: 60 * 64 * kib, fault: null });
  t.mock.timers.tick(60_000);
  await nextTurn();
  assert.equal(seen().fault, null);
});

test("a body that trickles fails after ten seconds", async (t) => {
  const { request, seen } = begun(t);
  request.push(Buffer.alloc(64 * kib - 1));
  await nextTurn();
  t.mock.timers.tick(9999);
  await nextTurn();
  assert.equal(seen().fault, null);
  t.mock.timers.tick(1);
  await nextTurn();
  const { fault } = seen();
  assert.ok(fault instanceof PagodaError);
  assert.deepEqual([fault.code, /less than 64 KiB/.test(fault.message)], ["request_timeout", true]);
});

test("a body that stops half-way is answered 408, and its bytes are free for the next request", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { app } = testApp({ text: "a" });
  t.after(() => app.close());
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  const socket = connect(address.port, "127.0.0.1");
  t.after(() => socket.destroy());
  let received = "";
  const receives = async (text: string): Promise<void> => {
    while (!received.includes(text)) received += String((await once(socket, "data"))[0]);
  };
  socket.write(
    "POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" +
      'content-length: 4194304\r\nexpect: 100-continue\r\n\r\n{"prompt":',
  );
  await receives("100 Continue");
  const complete = () =>
    fetch(`http://127.0.0.1:${address.port}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "a" }),
    });
  assert.equal((await complete()).status, 503);
  t.mock.timers.tick(10_000);
  await receives('"code":"request_timeout"');
  assert.match(received, /HTTP\/1\.1 408 Request Timeout/);
  const answer = await complete();
  assert.equal(answer.status, 200, await answer.text());
});
