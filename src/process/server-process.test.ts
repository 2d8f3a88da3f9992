import assert from "node:assert/strict";
import { test } from "node:test";
import { startServer } from "./server-process.ts";
import { scriptedServer } from "./testing/scripted-server.ts";

test("a port that serves another model than the one that was started is refused", async () => {
  const script = scriptedServer("another", "false");
  const starting = startServer({
    name: "ours",
    command: process.execPath,
    args: (port) => ["-e", script, String(port)],
    model: "any",
    readyWithinMs: 30_000,
  });
  await assert.rejects(starting, /is not ours, which runs: its models are another/);
});
