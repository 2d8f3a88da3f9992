import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { PagodaProcess, tinyModel } from "../testing/pagoda-process.ts";

for (const args of [
  ["run", tinyModel, "a", "--backend", "reference", "--max-tokens", "5"],
  ["plan", tinyModel, "--gpu", "L4", "--engine", "vllm"],
])
  test(`pagoda ${args[0]} ends without a message when its output is closed`, async (t) => {
    const pagoda = new PagodaProcess(t, args);
    pagoda.child.stdout.destroy();
    assert.equal(await pagoda.exited, 141);
    assert.doesNotMatch(pagoda.stderr, /error|EPIPE/);
  });

/** A port that was free a moment ago: the server prints its port to a closed output. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  server.close();
  await once(server, "close");
  return address.port;
}

test("a server whose standard output is closed goes on", async (t) => {
  const port = await freePort();
  const args = ["serve", tinyModel, "--backend", "reference", "--port", String(port)];
  const pagoda = new PagodaProcess(t, args);
  pagoda.child.stdout.destroy();
  for (;;) {
    const health = await fetch(`http://127.0.0.1:${port}/health`).catch(() => null);
    await health?.arrayBuffer();
    if (health?.status === 200) break;
    assert.equal(pagoda.child.exitCode, null, pagoda.stderr);
    await pause(50);
  }
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});
