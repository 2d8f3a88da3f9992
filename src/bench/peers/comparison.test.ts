import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerCommand } from "../../process/server-process.ts";
import { scriptedServer } from "../../process/testing/scripted-server.ts";
import { compareServers } from "./comparison.ts";

/** A server that ends by itself after `numRequests` completions. */
function serverThatEndsAfter(name: string, numRequests: number): ServerCommand {
  const script = scriptedServer("any", `numRequests > ${numRequests} && process.exit(1)`);
  return {
    name,
    command: process.execPath,
    args: (port) => ["-e", script, String(port)],
    model: "any",
    readyWithinMs: 30_000,
  };
}

test("a server that dies in a later round keeps the figures of its earlier rounds, and the others keep all", async () => {
  // Each round of `single` is four requests, and one more round warms up.
  const commands = [serverThatEndsAfter("lives", 1000), serverThatEndsAfter("dies", 10)];
  const settings = {
    loads: ["single"],
    numRounds: 2,
    firstSeed: 5,
    tokens: { firstTokenId: 100, endTokenId: 200 },
  } as const;
  const [lives, dies] = await compareServers(commands, settings, () => undefined);
  assert.equal(lives?.loads[0]?.medians.numFailed, 0);
  assert.ok((lives?.idleCpuShare ?? Number.NaN) >= 0);
  const medians = dies?.loads[0]?.medians;
  assert.equal(medians?.numFailed, 2);
  assert.ok((medians?.outputTokensPerSecond ?? 0) > 0);
  assert.equal(medians?.numCompleted, 4);
  assert.ok((dies?.peakResidentBytes ?? 0) > 0);
  assert.ok(Number.isNaN(dies?.idleCpuShare));
});
