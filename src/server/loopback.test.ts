import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import OpenAI from "openai";
import { type TestApp, testApp } from "./testing/test-app.ts";

async function listening(given: TestApp, use: (port: number) => Promise<void>): Promise<void> {
  await given.app.listen({ port: 0, host: "127.0.0.1" });
  const address = given.app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  try {
    await use(address.port);
  } finally {
    given.running.abortAll();
    await given.app.close();
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

test("the openai client, whole and streamed", async () => {
  await listening(testApp({ text: "hello" }), async (port) => {
    const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "none", maxRetries: 0 });
    const messages = [{ role: "user" as const, content: "hi" }];
    const whole = await client.chat.completions.create({ model: "scripted", messages });
    assert.equal(whole.choices[0]?.message.content, "hello");
    let text = "";
    let numTokens = 0;
    const stream = await client.chat.completions.create({
      model: "scripted",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      numTokens = chunk.usage?.completion_tokens ?? numTokens;
    }
    assert.deepEqual([text, numTokens], ["hello", 5]);
    const completion = await client.completions.create({ model: "scripted", prompt: "a", max_tokens: 2 });
    assert.equal(completion.choices[0]?.text, "he");
    const [model] = (await client.models.list()).data;
    assert.equal(model?.id, "scripted");
    await assert.rejects(
      client.chat.completions.create({ model: "other", messages }),
      (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found",
    );
  });
});

/** A request over a bare socket, so that the test decides when to read and when to leave. */
function send(port: number, body: object) {
  const text = JSON.stringify(body);
  const socket = connect(port, "127.0.0.1");
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return socket;
}

/** All that a connection brings until the server closes it. */
async function untilClosed(port: number, firstLine: string, connectionHeader: string, stream: boolean) {
  const text = JSON.stringify({ prompt: "a", stream });
  const socket = connect(port, "127.0.0.1");
  socket.write(
    `${firstLine}\r\nhost: x\r\n${connectionHeader}content-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`,
  );
  let received = "";
  // Ends only where the server closes: a connection that stays open would be waited for.
  for await (const part of socket) received += String(part);
  return received;
}

for (const stream of [true, false])
  for (const [protocol, connectionHeader] of [
    ["HTTP/1.1", "connection: close\r\n"],
    ["HTTP/1.0", ""],
  ] as const)
    test(`${protocol} ${connectionHeader.trim()}: the server closes after the answer (stream: ${stream})`, async () => {
      await listening(testApp({ text: "hello" }), async (port) => {
        const received = await untilClosed(
          port,
          `POST /v1/completions ${protocol}`,
          connectionHeader,
          stream,
        );
        assert.match(received, /^HTTP\/1\.1 200 OK\r\n/);
        assert.match(received, /\r\nconnection: close\r\n/i);
        assert.match(received, stream ? /data: \[DONE\]\n\n/ : /"finish_reason":"stop"/);
      });
    });

test("a stream without Connection: close leaves the connection open for the next request", async () => {
  await listening(testApp({ text: "hello" }), async (port) => {
    const socket = send(port, { prompt: "a", stream: true });
    let received = "";
    socket.on("data", (part) => {
      received += String(part);
    });
    await until(() => received.endsWith("\r\n0\r\n\r\n"));
    socket.write("GET /version HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    await once(socket, "end");
    assert.match(received, /"version":"1\.2\.3"/);
  });
});

for (const stream of [true, false])
  test(`a client that leaves ends its request (stream: ${stream})`, async () => {
    const given = testApp({ text: "x".repeat(100_000), beforeToken: () => pause(1) });
    await listening(given, async (port) => {
      const socket = send(port, { prompt: "a", stream, max_tokens: 100_000 });
      await until(() => given.service.numTokensGenerated > 2);
      socket.destroy();
      await until(() => given.service.numEndings === 1);
      assert.ok(given.service.numTokensGenerated < 1000);
      assert.equal(given.running.numRunning, 0);
    });
  });

test("a client that does not read holds back what is taken from the service for it", async () => {
  const numTokens = 400_000;
  const given = testApp({ text: "x".repeat(numTokens) });
  await listening(given, async (port) => {
    const socket = send(port, { prompt: "a", stream: true, max_tokens: numTokens });
    socket.pause();
    let before = -1;
    await until(() => given.service.numTokensGenerated > 0);
    // Generation stands still once the kernel's buffers are full.
    while (given.service.numTokensGenerated !== before) {
      before = given.service.numTokensGenerated;
      await pause(200);
    }
    assert.ok(before < numTokens, `all ${before} tokens were generated for a client that does not read`);
    socket.resume();
    await until(() => given.service.numTokensGenerated > before);
    socket.destroy();
    await until(() => given.service.numEndings === 1);
  });
});

test("stopping the server ends a stream with an error event", async () => {
  const given = testApp({ text: "x".repeat(1000), beforeToken: () => pause(1) });
  await listening(given, async (port) => {
    const socket = send(port, { prompt: "a", stream: true, max_tokens: 1000 });
    let received = "";
    socket.on("data", (data) => {
      received += data.toString();
    });
    await until(() => received.includes('"text":"x"'));
    given.servedModels.drain();
    given.running.abortAll();
    await until(() => received.includes("[DONE]"));
    assert.match(received, /"code":"not_ready"/);
    socket.end();
    await once(socket, "close");
  });
});

test("more than the server takes at once is refused with Retry-After, and let in when others have ended", async () => {
  const gate = Promise.withResolvers<void>();
  const given = testApp({ text: "x", beforeToken: () => gate.promise });
  await listening(given, async (port) => {
    const url = `http://127.0.0.1:${port}/v1/completions`;
    const body = JSON.stringify({ prompt: "a", padding: "p".repeat(3_000_000) });
    const request = { method: "POST", headers: { "content-type": "application/json" }, body };
    const first = fetch(url, request);
    await until(() => given.service.requests.length === 1);
    const second = await fetch(url, request);
    assert.deepEqual([second.status, second.headers.get("retry-after")], [503, "1"]);
    assert.equal(((await second.json()) as { error: { code: string } }).error.code, "overloaded");
    gate.resolve();
    assert.equal((await first).status, 200);
    assert.equal((await fetch(url, request)).status, 200);
  });
});

test("a body for a route that is not there is not read", async () => {
  await listening(testApp({ text: "" }), async (port) => {
    for (const method of ["PUT", "POST"]) {
      const socket = connect(port, "127.0.0.1");
      socket.write(
        `${method} /nowhere HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`,
      );
      const [answer] = await once(socket, "data");
      assert.match(String(answer), /^HTTP\/1\.1 404 [\s\S]*"code":"not_found"/);
      socket.destroy();
    }
  });
});

test("what is no HTTP, too much of it, or a path that cannot be decoded is refused in the shape of all errors", async () => {
  await listening(testApp({ text: "" }), async (port) => {
    const cases: [string, number][] = [
      ["BREW / HTTP/1.1\r\nhost: x\r\n\r\n", 400],
      ["GET /health HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n", 400],
      [`GET /health HTTP/1.1\r\nhost: x\r\nlong: ${"a".repeat(40_000)}\r\n\r\n`, 431],
      ["GET /%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 400],
    ];
    for (const [bytes, status] of cases) {
      const socket = connect(port, "127.0.0.1");
      socket.end(bytes);
      let answer = "";
      for await (const part of socket) answer += part;
      const [head = "", body = ""] = answer.split("\r\n\r\n");
      assert.match(head, new RegExp(`^HTTP/1.1 ${status} `), bytes.slice(0, 40));
      const { error } = JSON.parse(body);
      assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
      assert.equal(error.code, "invalid_request");
    }
  });
});
