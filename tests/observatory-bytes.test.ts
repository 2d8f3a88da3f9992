/** What the server keeps for those who watch it has a place in the reservation of its process. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { kib, mib } from "../src/core/byte-size.ts";
import { GhostCache } from "../src/engine/kv/ghost/ghost-cache.ts";
import { observatoryMib } from "../src/planner/engines/pagoda/memory/runtime.ts";
import { History } from "../src/server/observatory/history/history.ts";
import { HistoryRing } from "../src/server/observatory/history/history-ring.ts";
import { Latencies } from "../src/server/observatory/latency/latencies.ts";

/** Frames for listeners that come back, at most (frame-stream.ts). */
const frameBytes = 512 * kib;

test("history, latencies and ghosts of an engine with a large pool fit into their reservation", () => {
  const before = process.memoryUsage().arrayBuffers;
  const history = new History();
  const latencies = new Latencies(() => 15_000);
  const ghosts = new GhostCache(1_000_000, 16);
  for (let second = 0; second < 60; second++)
    history.add("m-0", { unixMs: 1000 * second, figures: new Float64Array(12) });
  latencies.requestFinished({
    ...{ requestId: "r", outcome: "stop", arrivedMs: 0, scheduledMs: 1, firstTokenMs: 2, finishedMs: 3 },
    ...{ interTokenMs: [1], numPromptTokens: 2, numCachedTokens: 1, numCompletionTokens: 2 },
    ...{ longestCompletionTokens: 2, numPreemptions: 0, n: 1, maxTokens: 2 },
  });
  latencies.windows();
  ghosts.begin(new Int32Array(1600), 1600, { maxCachedTokens: 1600, numReferenced: 0, isCounted: true });
  const numBytes = process.memoryUsage().arrayBuffers - before;
  assert.ok(numBytes > HistoryRing.numBytes + Latencies.numBytes, `${numBytes} bytes`);
  assert.ok(numBytes + frameBytes < observatoryMib * mib, `${numBytes} bytes and ${frameBytes}`);
  assert.ok(history.rows("m-0", { fromMs: 0, toMs: 60_000, stepSeconds: 1 }, 60_000).length === 60);
});
