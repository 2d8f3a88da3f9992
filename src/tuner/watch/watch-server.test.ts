import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Snapshot, snapshotSchema } from "../../api/admin/observatory/index.ts";
import { type Goal, parseConstraints } from "../goal/goal.ts";
import type { Action, WatchedSettings } from "./watch.ts";
import { watchServer } from "./watch-server.ts";

const goal: Goal = { objective: "tokens/s", constraints: parseConstraints("p99-itl<100ms") };
const percentiles = (p99Ms: number) => ({ count: 120, p50Ms: p99Ms / 2, p90Ms: p99Ms, p99Ms });

/** A server whose steps, and so its tokens, come every `maxStepMs`. */
class FakeServer {
  settings = { maxStepMs: 300, maxNumBatchedTokens: 512, maxNumSeqs: 32 };
  revisionNow = 4;
  numLooks = 0;
  readonly changes: Partial<WatchedSettings>[] = [];

  snapshot(): Snapshot {
    const live = { ...this.settings, maxModelLen: 2048, maxNumBlocks: 100, prefixCaching: true };
    const window = (seconds: number) => ({
      seconds,
      timeToFirstToken: percentiles(500),
      interToken: percentiles(this.settings.maxStepMs),
      queue: percentiles(1),
      endToEnd: percentiles(2000),
    });
    const latency = [window(60)];
    const bindingLimit = { limit: "compute", windowSeconds: 60, shares: [], sentence: "", relief: null };
    const nothing = { memory: null, blocks: null, numRunning: 1, numWaiting: 0, kvCacheUsage: 0 };
    return snapshotSchema.parse({
      schema: "pagoda.snapshot/1",
      frameId: "A-1",
      unixMs: 1e12 + this.numLooks * 15_000,
      version: "1",
      uptimeSeconds: 600 + this.numLooks * 15,
      devices: {},
      instances: {
        "m-0": {
          instanceId: "m-0",
          model: "m",
          engine: "pagoda",
          state: "ready",
          reason: null,
          pid: 1,
          deviceIds: [],
          kernels: null,
          ...nothing,
          totals: {
            numPromptTokens: 1500 * this.numLooks,
            numCachedPromptTokens: 0,
            numGenerationTokens: 3000 * this.numLooks,
            numSteps: 0,
            numPreemptions: 0,
            numPrefixQueryTokens: 0,
            numPrefixHitTokens: 0,
          },
          numWastedTokens: 0,
          rates: null,
          steps: null,
          latency,
          recentLatency: window(15),
          bindingLimit,
          prefixCache: null,
          settings: {
            revision: this.revisionNow,
            state: "applied",
            requested: live,
            effective: live,
            ceilings: { maxNumSeqs: 32, maxNumBatchedTokens: 512, maxModelLen: 2048, maxNumBlocks: 100 },
          },
          sequences: null,
        },
      },
      router: null,
      latency,
      bindingLimit,
      events: [],
    });
  }

  change(settings: Partial<WatchedSettings>, revision: number): Promise<void> {
    assert.equal(revision, this.revisionNow++);
    this.settings = { ...this.settings, ...settings };
    this.changes.push(settings);
    return Promise.resolve();
  }
}

describe("watching a server", () => {
  it("reads snapshots, changes what is missed, and ends when it is stopped", async () => {
    const server = new FakeServer();
    const actions: Action[] = [];
    const stopped = new Error("stopped");
    await assert.rejects(
      watchServer(
        {
          snapshot: async () => server.snapshot(),
          change: (settings, revision) => server.change(settings, revision),
          revision: async () => server.revisionNow,
        },
        goal,
        {},
        {
          onAction: (action, seen) => {
            assert.equal(seen.outcome.figures.outputTokensPerSecond, 200);
            assert.equal(seen.load.promptTokensPerSecond, 100);
            actions.push(action);
          },
          sleep: (ms) => {
            assert.equal(ms, 15_000);
            return ++server.numLooks > 6 ? Promise.reject(stopped) : Promise.resolve();
          },
        },
      ),
      stopped,
    );
    assert.deepEqual(server.changes, [{ maxStepMs: 85 }]);
    assert.deepEqual(
      actions.map(({ kind }) => kind),
      ["change", "wait", "wait", "wait", "keep", "wait"],
    );
  });
});
