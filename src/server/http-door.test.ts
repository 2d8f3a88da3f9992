/** What a request must look like before any route sees it. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { testApp } from "./testing/test-app.ts";

const completion = { method: "POST", url: "/v1/completions" } as const;
const json = { "content-type": "application/json" };

test("JSON is read without a content type, with any charset, and with a suffix", async () => {
  const { app } = testApp({ text: "a" });
  for (const headers of [
    {},
    { "content-type": "application/json; charset=utf-8" },
    { "content-type": "application/vnd.api+json" },
    { ...json, "content-encoding": "identity" },
  ]) {
    const answer = await app.inject({ ...completion, payload: Buffer.from('{"prompt":"a"}'), headers });
    assert.equal(answer.statusCode, 200, answer.body);
  }
});

test("what is not JSON is refused by name, with what to send", async () => {
  const { app } = testApp({ text: "a" });
  const cases: [
    payload: string | Buffer,
    headers: Record<string, string>,
    status: number,
    message: RegExp,
  ][] = [
    [
      "prompt=a",
      { "content-type": "application/x-www-form-urlencoded" },
      415,
      /'application\/x-www-form-urlencoded', and only JSON .* header 'content-type: application\/json'/,
    ],
    ["a", { "content-type": "text/plain" }, 415, /'text\/plain'/],
    [
      gzipSync('{"prompt":"a"}'),
      { ...json, "content-encoding": "gzip" },
      415,
      /encoded with 'gzip'\. Send it as plain JSON/,
    ],
    ['{"prompt":"a",}', json, 400, /is not valid JSON: .*trailing commas are not JSON/],
    ['{"prompt":NaN}', json, 400, /is not valid JSON: Unexpected token 'N'/],
    [Buffer.from([0x7b, 0xff, 0x7d]), json, 400, /not valid UTF-8/],
    ['{"prompt":"a","__proto__":{"n":2}}', json, 400, /'__proto__'/],
    ["", json, 400, /must be a JSON object, but it is empty/],
    ["[]", json, 400, /must be a JSON object, but it is an array/],
    ['"a"', json, 400, /must be a JSON object, but it is a text/],
  ];
  for (const [payload, headers, status, message] of cases) {
    const answer = await app.inject({ ...completion, payload, headers });
    assert.equal(answer.statusCode, status, String(payload));
    assert.match(answer.json().error.message, message);
  }
});

test("a path that is there names the methods that it answers", async () => {
  const { app } = testApp({ text: "a" });
  const cases = [
    ["GET", "/v1/chat/completions", "POST"],
    ["DELETE", "/v1/models/org/name", "GET, HEAD"],
    ["POST", "/health", "GET, HEAD"],
    ["OPTIONS", "/tokenize", "POST"],
  ] as const;
  for (const [method, url, allow] of cases) {
    const answer = await app.inject({ method, url });
    assert.deepEqual([answer.statusCode, answer.headers.allow], [405, allow], url);
    assert.equal(answer.json().error.code, "method_not_allowed");
  }
  for (const url of ["/v1/model", "/docs/", "/v1/models/"])
    assert.equal((await app.inject({ method: "DELETE", url })).statusCode, 404, url);
});

test("a query that has a parameter twice is refused by name, and so is a body nested too deep", async () => {
  const { app } = testApp({ text: "a" });
  for (const url of ["/tokenizer_info?model=a&model=b", "/admin/memory?model=a&model=b", "/health?x=1&x=2"]) {
    const answer = await app.inject(url);
    assert.equal(answer.statusCode, 400, url);
    assert.match(answer.json().error.message, /^The query has '(?:model|x)' 2 times\. Give it once\.$/);
  }
  const deep = await app.inject({
    ...completion,
    headers: json,
    payload: `{"prompt":${"[".repeat(200_000)}`,
  });
  assert.equal(deep.statusCode, 400);
  assert.match(deep.json().error.message, /more than 128 objects and lists inside each other/);
});

test("a second name is the same model; the first one and the fingerprint are in every answer", async () => {
  const { app } = testApp({ text: "a" });
  const whole = await app.inject({ ...completion, payload: { model: "alias", prompt: "a" } });
  assert.deepEqual([whole.json().model, whole.json().system_fingerprint], ["scripted", "fp_test"]);
  const streamed = await app.inject({
    ...completion,
    payload: { model: "alias", prompt: "a", stream: true },
  });
  assert.match(streamed.body, /"model":"scripted","system_fingerprint":"fp_test"/);
  const { data } = (await app.inject("/v1/models")).json();
  assert.deepEqual(
    data.map(({ id, root, state }: Record<string, string>) => [id, root, state]),
    [
      ["scripted", "org/scripted", "ready"],
      ["alias", "org/scripted", "ready"],
    ],
  );
  const unknown = await app.inject({ ...completion, payload: { model: "scrypted", prompt: "a" } });
  assert.equal(unknown.json().error.message, "The model 'scrypted' is not served here. Use 'scripted'.");
  const odd = await app.inject({ ...completion, payload: { model: 5, prompt: "a" } });
  assert.equal(
    odd.json().error.message,
    "'model' must be a text, but it is 5. Correct 'model', or leave it out.",
  );
});

test("a path beside a known one is answered with that one: the base URL without /v1, or with it twice", async () => {
  const { app } = testApp({ text: "" });
  const messageOf = async (url: string): Promise<string> => {
    const answer = await app.inject({ method: "POST", url, payload: {} });
    assert.equal(answer.statusCode, 404, url);
    return answer.json().error.message;
  };
  for (const url of ["/chat/completions", "/v1/v1/chat/completions", "/v1/chat/completions/"])
    assert.equal(
      await messageOf(url),
      `This server has no path '${url}'. Use /v1/chat/completions; the base URL of an OpenAI client ends in /v1.`,
    );
  assert.match(await messageOf("/nowhere"), /GET \/v1 lists the paths\.$/);
  assert.match(await messageOf("//"), /lists the paths\.$/);
});

test("a path that climbs out of /docs is unknown, and one that is not UTF-8 is told how to be written", async () => {
  const { app } = testApp({ text: "" });
  const address = await app.listen({ host: "127.0.0.1", port: 0 });
  const answerTo = async (path: string): Promise<string> => {
    const socket = connect(Number(new URL(address).port), "127.0.0.1");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    return text(socket);
  };
  const climbing = await answerTo("/docs/../README.md");
  assert.match(climbing, /^HTTP\/1\.1 404 [\s\S]*"code":"not_found"/);
  const notUtf8 = await answerTo("/%ff%fe");
  assert.match(notUtf8, /^HTTP\/1\.1 400 [\s\S]*Percent-encode the path as UTF-8/);
  await app.close();
});

test("tokenizer_info has what lm-eval's remote tokenizer reads", async () => {
  const { app } = testApp({ text: "" });
  assert.deepEqual((await app.inject("/tokenizer_info")).json(), {
    tokenizer_class: "PagodaTokenizer",
    bos_token: null,
    eos_token: "\u0003",
    pad_token: null,
    chat_template: "{{ messages }}",
    model_max_length: 64,
  });
});

test("an expectation that is not met is refused in the shape of all errors; 100-continue is met", async (t) => {
  const { app } = testApp({ text: "ab" });
  t.after(() => app.close());
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  const body = '{"prompt":"a"}';
  const ask = async (expectation: string): Promise<string> => {
    const socket = connect(address.port, "127.0.0.1");
    socket.write(
      `POST /v1/completions HTTP/1.1\r\nhost: x\r\nexpect: ${expectation}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    return text(socket);
  };
  const refused = await ask("tea");
  assert.match(refused, /^HTTP\/1\.1 417 /);
  const { error } = JSON.parse(refused.slice(refused.indexOf("\r\n\r\n")));
  assert.deepEqual([error.code, error.param], ["invalid_request", "Expect"]);
  assert.match(error.message, /'Expect: tea'/);
  assert.match(await ask("100-continue"), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
});

test("/ping answers as /health does, also where it is asked with POST", async () => {
  const { app, service } = testApp({ text: "a" });
  for (const method of ["GET", "POST"] as const)
    assert.equal((await app.inject({ method, url: "/ping" })).statusCode, 200);
  service.failureReason = "it broke";
  const answers = await Promise.all(
    (["GET", "POST"] as const).map((method) => app.inject({ method, url: "/ping" })),
  );
  const health = await app.inject("/health");
  assert.ok(health.statusCode >= 500);
  for (const { statusCode } of answers) assert.equal(statusCode, health.statusCode);
});
