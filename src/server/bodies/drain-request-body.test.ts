import assert from "node:assert/strict";
import { once } from "node:events";
import { IncomingMessage } from "node:http";
import { connect, Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { mib } from "../../core/byte-size.ts";
import { testApp } from "../testing/test-app.ts";
import { drainRequestBody } from "./drain-request-body.ts";

const tooLargeBytes = 16 * mib;

/** Sends all of a body before it reads anything, as most clients do, and then a second request on the same connection. */
async function answersTo(
  port: number,
  lengthHeader: string,
  frame: (part: Buffer) => Buffer,
): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.pause();
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${lengthHeader}\r\n\r\n`,
  );
  const part = frame(Buffer.alloc(mib / 16, "a"));
  for (let sent = 0; sent < tooLargeBytes; sent += mib / 16)
    if (!socket.write(part)) await once(socket, "drain");
  socket.write(frame(Buffer.alloc(0)));
  socket.end("GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  let answers = "";
  socket.on("data", (data) => {
    answers += String(data);
  });
  socket.resume();
  await once(socket, "close");
  return answers;
}

const chunk = (part: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]);

for (const [kind, lengthHeader, frame] of [
  ["an announced", `content-length: ${tooLargeBytes}`, (part: Buffer) => part],
  ["an unannounced", "transfer-encoding: chunked", chunk],
] as const)
  test(`${kind} body that is too large is refused, and its connection serves the next request`, async (t) => {
    // The server gives up after five seconds, which a busy machine may take for the 16 MiB.
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { app } = testApp({ text: "a" });
    t.after(() => app.close());
    await app.listen({ port: 0, host: "127.0.0.1" });
    const address = app.server.address();
    assert.ok(typeof address === "object" && address !== null);
    const answers = await answersTo(address.port, lengthHeader, frame);
    assert.match(answers, /^HTTP\/1\.1 413 /);
    assert.match(answers, /"code":"request_too_large"/);
    assert.match(answers, /HTTP\/1\.1 200 OK[\s\S]*"version":"1\.2\.3"/);
  });

test("a client that sends without end, or not at all, is left after 64 MiB or five seconds", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const fast = new IncomingMessage(new Socket());
  void drainRequestBody(fast, () => fast.destroy());
  for (let i = 0; i < 64; i++) fast.emit("data", Buffer.alloc(mib));
  assert.equal(fast.socket.destroyed, false);
  fast.emit("data", Buffer.alloc(1));
  assert.equal(fast.socket.destroyed, true);
  const slow = new IncomingMessage(new Socket());
  void drainRequestBody(slow, () => slow.destroy());
  t.mock.timers.tick(4999);
  assert.equal(slow.socket.destroyed, false);
  t.mock.timers.tick(1);
  assert.equal(slow.socket.destroyed, true);
});

test("a client that wants its connection closed receives the refusal after it has sent all of its body", async (t) => {
  const { app } = testApp({ text: "a" });
  t.after(() => app.close());
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  const socket = connect(address.port, "127.0.0.1");
  const half = Buffer.alloc(mib, "a");
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/csv\r\ncontent-length: ${2 * half.length}\r\n\r\n`,
  );
  await once(app.server, "request");
  await new Promise((sent) => socket.write(half, sent));
  // Refused by now, for its content type; an answer would be followed by the end of the connection.
  const early = await Promise.race([once(socket, "data"), pause(200, "none")]);
  assert.equal(early, "none");
  socket.write(half);
  const [answer] = await once(socket, "data");
  assert.match(String(answer), /^HTTP\/1\.1 415 /);
  await once(socket, "close");
  assert.equal(socket.errored, null);
});

test("a client that wants its connection closed and sends too slowly receives the refusal after five seconds", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { app } = testApp({ text: "a" });
  t.after(() => app.close());
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  const socket = connect(address.port, "127.0.0.1");
  const request = once(app.server, "request");
  socket.write(
    "POST /v1/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/csv\r\ncontent-length: 9\r\n\r\n",
  );
  await request;
  const answer = once(socket, "data");
  await new Promise((soon) => setImmediate(soon));
  t.mock.timers.tick(5000);
  assert.match(String((await answer)[0]), /^HTTP\/1\.1 415 /);
});
