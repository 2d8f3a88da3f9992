/** A server with a model of another process: real HTTP on both sides. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import OpenAI from "openai";
import { RemoteEndpoint, type RemoteEndpointOptions } from "../../endpoint/remote-endpoint.ts";
import { type TestApp, testApp } from "../testing/test-app.ts";

const model = { modelId: "far", maxModelLen: 64, createdUnixSeconds: 1_700_000_000 };
const never = new AbortController().signal;

function portOf(server: { address(): unknown }): number {
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null && "port" in address);
  return Number(address.port);
}

async function listening(t: TestContext, app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: "127.0.0.1" });
  t.after(async () => {
    app.server.closeAllConnections();
    await app.close();
  });
  return portOf(app.server);
}

function attach(t: TestContext, near: TestApp, port: number, options: Partial<RemoteEndpointOptions> = {}) {
  const endpoint = new RemoteEndpoint({ url: new URL(`http://127.0.0.1:${port}`), model, ...options });
  t.after(() => endpoint.close());
  const entry = near.servedModels.add({ names: ["far"], acceptsAnyName: false, fingerprint: "fp_far" }, null);
  entry.attachEndpoint(endpoint);
  return { endpoint, entry };
}

/** A Pagoda that serves `scripted` itself and passes `far` on to another one, where it is called `far` too. */
async function twoServers(t: TestContext, farText: string, beforeToken?: (index: number) => Promise<void>) {
  const far = testApp({ text: farText, ...(beforeToken === undefined ? {} : { beforeToken }) });
  far.servedModels
    .add({ names: ["far"], acceptsAnyName: false, fingerprint: "fp_far" }, far.service.model)
    .attach(far.service);
  const near = testApp({ text: "near" });
  const farPort = await listening(t, far.app);
  const attached = attach(t, near, farPort);
  return { far, near, port: await listening(t, near.app), ...attached };
}

/** A server that notes what it is sent and answers as told. */
async function noting(t: TestContext, answer: RequestListener) {
  const seen: { url: string; headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    seen.push({ url: request.url ?? "", headers: request.headers, body });
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: portOf(server), seen };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5);
}

test("a model is found by its name, here or elsewhere, by the openai client", async (t) => {
  const { port } = await twoServers(t, "distant");
  const client = new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "none", maxRetries: 0 });
  const textOf = async (name: string): Promise<string | null | undefined> =>
    (await client.chat.completions.create({ model: name, messages: [{ role: "user", content: "hi" }] }))
      .choices[0]?.message.content;
  assert.equal(await textOf("scripted"), "near");
  assert.equal(await textOf("far"), "distant");
  let streamed = "";
  const stream = await client.completions.create({ model: "far", prompt: "a", stream: true });
  for await (const chunk of stream) streamed += chunk.choices[0]?.text ?? "";
  assert.equal(streamed, "distant");
  assert.deepEqual(
    (await client.models.list()).data.map(({ id }) => id),
    ["scripted", "alias", "far"],
  );
  await assert.rejects(textOf("fat"), /The model 'fat' is not served here\. Use 'far'\./);
});

test("a body is passed on byte for byte, and no key of this server with it", async (t) => {
  const { port, seen } = await noting(t, (_request, response) => {
    response.writeHead(418, { "content-type": "application/json", "x-far": "1", connection: "keep-alive" });
    response.end('{"odd":true}');
  });
  const near = testApp({ text: "" });
  attach(t, near, port, { apiKey: "theirs" });
  const body = '{ "model":"far",  "seed":9223372036854775807, "prompt":"a\\u0062", "frobnicate":1 }';
  const answer = await near.app.inject({
    method: "POST",
    url: "/v1/completions?x=1",
    payload: body,
    headers: { "content-type": "application/json", authorization: "Bearer ours", "x-request-id": "abc" },
  });
  assert.deepEqual([answer.statusCode, answer.body, answer.headers["x-far"]], [418, '{"odd":true}', "1"]);
  const [sent] = seen;
  assert.deepEqual([sent?.url, sent?.body], ["/v1/completions?x=1", body]);
  assert.deepEqual([sent?.headers.authorization, sent?.headers["x-request-id"]], ["Bearer theirs", "abc"]);
});

test("what the endpoint cannot do is refused here, by name", async (t) => {
  const { port, seen } = await noting(t, (_request, response) => response.end("{}"));
  const near = testApp({ text: "" });
  const capabilities = { routes: new Set(["/v1/chat/completions"]), features: new Set(["tools" as const]) };
  attach(t, near, port, { capabilities });
  const post = (url: string, payload: object) => near.app.inject({ method: "POST", url, payload });
  const messages = [{ role: "user", content: "hi" }];
  const tools = [{ type: "function", function: { name: "f" } }];
  assert.equal((await post("/v1/chat/completions", { model: "far", messages, tools })).statusCode, 200);
  const grammar = await post("/v1/chat/completions", { model: "far", messages, grammar: 'root ::= "a"' });
  assert.deepEqual([grammar.statusCode, grammar.json().error.param], [400, "grammar"]);
  const path = await post("/v1/completions", { model: "far", prompt: "a" });
  assert.deepEqual([path.statusCode, path.json().error.code], [404, "not_found"]);
  assert.match(
    path.json().error.message,
    /'far' does not answer \/v1\/completions\. It answers \/v1\/chat\/completions\./,
  );
  assert.equal(seen.length, 1);
});

function send(port: number, body: object) {
  const text = JSON.stringify(body);
  const socket = connect(port, "127.0.0.1");
  socket.write(
    `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return socket;
}

test("pieces of a stream arrive as they are made, and a client that leaves ends the work at the other side", async (t) => {
  const gate = Promise.withResolvers<void>();
  const { far, near, port } = await twoServers(t, "x".repeat(1000), (i) =>
    i < 2 ? Promise.resolve() : gate.promise,
  );
  const socket = send(port, { model: "far", prompt: "a", stream: true, max_tokens: 1000 });
  let received = "";
  socket.on("data", (data) => {
    received += data.toString();
  });
  // The third token is never made before this.
  await until(() => received.split('"text":"x"').length === 3);
  socket.destroy();
  await until(() => far.running.numRunning === 0 && near.running.numRunning === 0);
  gate.resolve();
  await until(() => far.service.numEndings === 1);
  assert.ok(far.service.numTokensGenerated <= 3);
});

test("a client that does not read holds the other side back", async (t) => {
  const numTokens = 400_000;
  const { far, port } = await twoServers(t, "x".repeat(numTokens));
  const socket = send(port, { model: "far", prompt: "a", stream: true, max_tokens: numTokens });
  socket.pause();
  await until(() => far.service.numTokensGenerated > 0);
  let before = -1;
  while (far.service.numTokensGenerated !== before) {
    before = far.service.numTokensGenerated;
    await pause(300);
  }
  assert.ok(before < numTokens, `all ${before} tokens were made for a client that does not read`);
  socket.resume();
  await until(() => far.service.numTokensGenerated > before);
  socket.destroy();
  await until(() => far.service.numEndings === 1);
});

test("an endpoint that is gone is 502 and failed; when it is back it is asked again", async (t) => {
  const { port, seen } = await noting(t, (_request, response) => response.end("{}"));
  const near = testApp({ text: "" });
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const freePort = portOf(gone);
  await new Promise((resolve) => gone.close(resolve));
  const { entry } = attach(t, near, freePort);
  const ask = () =>
    near.app.inject({ method: "POST", url: "/v1/completions", payload: { model: "far", prompt: "a" } });
  const refused = await ask();
  assert.deepEqual([refused.statusCode, refused.json().error.code], [502, "endpoint_unreachable"]);
  assert.match(
    refused.json().error.message,
    /^The server at http:\/\/127\.0\.0\.1:\d+ did not answer: .*ECONNREFUSED/,
  );
  assert.equal(entry.state, "failed");
  const [card] = (await near.app.inject("/v1/models"))
    .json()
    .data.filter((one: { id: string }) => one.id === "far");
  assert.deepEqual([card.state, card.max_model_len], ["failed", 64]);
  // The same name, now reachable.
  const back = new RemoteEndpoint({ url: new URL(`http://127.0.0.1:${port}`), model });
  t.after(() => back.close());
  entry.attachEndpoint(back);
  assert.equal((await ask()).statusCode, 200);
  assert.deepEqual([entry.state, seen.length], ["ready", 1]);
});

test("health and load are read from the other server", async (t) => {
  const { far, endpoint, entry, near } = await twoServers(t, "");
  assert.deepEqual(await endpoint.health(never), { state: "ready", reason: null });
  // Two models of the other server, 1 running and 2 waiting each, a quarter of each pool in use.
  assert.partialDeepStrictEqual(await endpoint.snapshot(never), {
    ...{ engine: "vllm", numRunning: 2, numWaiting: 4, kvCacheUsage: 0.25 },
    counters: { numPromptTokens: 80, numPreemptions: 6 },
  });
  far.servedModels.drain();
  assert.equal((await endpoint.health(never)).state, "loading");
  // What serves itself is still there.
  assert.equal((await near.app.inject("/health")).statusCode, 200);
  assert.equal(entry.state, "loading");
  const asked = await near.app.inject({
    method: "POST",
    url: "/v1/completions",
    payload: { model: "far", prompt: "a" },
  });
  assert.deepEqual([asked.statusCode, asked.json().error.code], [503, "not_ready"]);
});

test("servers without /health, asleep, or with other metrics", async (t) => {
  const answers: Record<string, [number, string]> = {
    "/v1/models": [200, "{}"],
    "/is_sleeping": [200, '{"is_sleeping": true}'],
    "/metrics": [200, "# HELP x y\nllamacpp:requests_processing 3\nllamacpp:requests_deferred 1\n"],
  };
  const { port } = await noting(t, (request, response) => {
    const [status, body] = answers[request.url ?? ""] ?? [404, ""];
    response.writeHead(status).end(body);
  });
  const endpoint = new RemoteEndpoint({ url: new URL(`http://127.0.0.1:${port}`), model });
  t.after(() => endpoint.close());
  assert.deepEqual(await endpoint.health(never), { state: "asleep", reason: null });
  assert.deepEqual(await endpoint.snapshot(never), {
    engine: "llama-server",
    ...{ numRunning: 3, numWaiting: 1, kvCacheUsage: null },
  });
  answers["/metrics"] = [404, ""];
  assert.equal(await endpoint.snapshot(never), null);
});
