import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import type { Script } from "../../server/testing/scripted-service.ts";
import { testApp } from "../../server/testing/test-app.ts";
import { onStopSignal } from "./graceful-shutdown.ts";

/** A server in this process and what a SIGTERM to it does; the test runner's own listeners do not hear of it. */
async function stoppable(t: TestContext, script: Script = { text: "a" }, graceMs = 0) {
  const { app, servedModels, running } = testApp(script);
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  assert.ok(typeof address === "object" && address !== null);
  const stopping = onStopSignal({ servedModels, running, graceMs, say: () => undefined });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const listener = process.listeners(signal).at(-1);
    t.after(() => process.off(signal, listener as NodeJS.SignalsListener));
  }
  const closed: string[] = [];
  stopping.closeLater(app, { close: async () => void closed.push("engine") });
  const terminate = (): void => process.listeners("SIGTERM").at(-1)?.("SIGTERM");
  return { port: address.port, stopped: stopping.stopped, closed, terminate };
}

test("a client that keeps the rest of its body to itself is not waited for", async (t) => {
  // The server's own limit for such bodies never comes.
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { port, stopped, closed, terminate } = await stoppable(t);
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  // A connection that is closed so may be reset.
  socket.on("error", () => undefined);
  const head = "POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
  socket.write(`${head}content-length: 1000\r\nexpect: 100-continue\r\n\r\n{"prompt":`);
  assert.match(String((await once(socket, "data"))[0]), /100 Continue/);
  terminate();
  assert.equal(await stopped, 0);
  assert.deepEqual(closed, ["engine"]);
});

test("while a running answer finishes, new requests are told that the server is going", async (t) => {
  const goOn = Promise.withResolvers<void>();
  const oneMinuteMs = 60_000;
  const script = {
    text: "ab",
    beforeToken: (index: number) => (index === 0 ? Promise.resolve() : goOn.promise),
  };
  const { port, stopped, terminate } = await stoppable(t, script, oneMinuteMs);
  const url = `http://127.0.0.1:${port}`;
  const running = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: "x", max_tokens: 2, stream: true }),
  });
  terminate();
  assert.equal((await fetch(`${url}/health`)).status, 503);
  const another = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: "x", max_tokens: 2 }),
  });
  assert.equal(another.status, 503);
  assert.match(await another.text(), /is shutting down and takes no requests/);
  // What it holds can be seen until the end.
  assert.equal((await fetch(`${url}/admin/memory`)).status, 200);
  assert.equal((await fetch(`${url}/metrics`)).status, 200);
  goOn.resolve();
  assert.match(await running.text(), /"finish_reason":"stop"/);
  assert.equal(await stopped, 0);
});
