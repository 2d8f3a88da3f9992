import assert from "node:assert/strict";
import { request } from "node:http";
import { type TestContext, test } from "node:test";
import { testApp } from "../testing/test-app.ts";
import { AllowedHosts, isLoopback } from "./allowed-hosts.ts";

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A server on 127.0.0.1 that checks; asks it with the headers given, on a connection of its own. */
async function checkingServer(t: TestContext, names: readonly string[]) {
  const { app } = testApp({ text: "a" }, { allowedHosts: new AllowedHosts(names) });
  await app.listen({ port: 0, host: "127.0.0.1" });
  t.after(() => app.close());
  const address = app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  const { port } = address;
  return (path: string, headers: Record<string, string>, method = "GET"): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = request(
        { port, host: "127.0.0.1", path, method, headers, agent: false },
        async (answer) => {
          let body = "";
          for await (const part of answer) body += String(part);
          resolve({ status: answer.statusCode ?? 0, body });
        },
      );
      sent.on("error", reject);
      sent.end();
    });
}

test("a foreign Host is refused on every path, and those of this machine are answered", async (t) => {
  const ask = await checkingServer(t, []);
  for (const path of ["/admin/memory", "/v1/models", "/", "/no/such/path"])
    for (const host of [
      "evil.example",
      "evil.example:8000",
      "127.0.0.1.evil.example",
      "localhost@evil.example",
      "10.0.0.1",
    ]) {
      const { status, body } = await ask(path, { host });
      assert.equal(status, 403, `${path} ${host}`);
      assert.equal(JSON.parse(body).error.code, "host_not_allowed");
    }
  const { error } = JSON.parse((await ask("/admin/memory", { host: "evil.example" })).body);
  assert.equal(
    error.message,
    "The Host header is 'evil.example', and this server answers for its own machine alone. " +
      "Use localhost or 127.0.0.1, or start the server with --allowed-host evil.example.",
  );
  for (const host of [
    "localhost",
    "LOCALHOST:1",
    "127.0.0.1:8000",
    "127.1.2.3",
    "[::1]",
    "[::1]:80",
    "a.localhost",
  ])
    assert.equal((await ask("/admin/memory", { host })).status, 200, host);
});

test("a foreign Origin is refused, that of a page of this machine is not", async (t) => {
  const ask = await checkingServer(t, []);
  for (const origin of [
    "https://evil.example",
    "null",
    "http://evil.example:8000",
    "http://localhost.evil.example",
    "x",
  ]) {
    const { status, body } = await ask("/v1/models", { origin });
    assert.equal(status, 403, origin);
    assert.match(body, /The Origin header is/);
  }
  for (const origin of [
    "http://localhost:3000",
    "https://127.0.0.1",
    "http://[::1]:5173",
    "tauri://localhost",
  ])
    assert.equal((await ask("/v1/models", { origin })).status, 200, origin);
});

test("names of --allowed-host are answered, in Host and Origin", async (t) => {
  const ask = await checkingServer(t, ["LLM.example"]);
  assert.equal(
    (await ask("/v1/models", { host: "llm.example:443", origin: "https://llm.example" })).status,
    200,
  );
  assert.equal((await ask("/v1/models", { host: "other.example" })).status, 403);
});

test("a refused request of 15 KB is not repeated", async (t) => {
  const ask = await checkingServer(t, []);
  const { status, body } = await ask("/v1/models", { host: "a".repeat(15_000) });
  assert.equal(status, 403);
  assert.ok(body.length < 500, body);
});

test("what is this machine alone", () => {
  for (const host of ["localhost", "127.0.0.1", "127.1", "::1"]) assert.ok(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "1270.0.0.1", "notlocalhost"])
    assert.ok(!isLoopback(host), host);
});
