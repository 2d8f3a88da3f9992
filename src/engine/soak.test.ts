/**
 * A shorter soak than the one before a release:
 *
 *   PAGODA_SOAK_REQUESTS=20000 node --test src/engine/soak.test.ts
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { assertAtRest } from "./testing/scripted-engine.ts";
import { soak } from "./testing/soak.ts";

const numRequests = Number(process.env.PAGODA_SOAK_REQUESTS ?? 1500);
const mostGrowthBytes = 4 * 2 ** 20;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed + process.memoryUsage().external;
}

test(`${numRequests} requests with shared prefixes and aborts leave nothing behind`, async () => {
  let atQuarter = 0;
  const result = await soak({
    numRequests,
    numClients: 40,
    seed: 1,
    limits: { numBlocks: 40, maxModelLen: 160, maxNumSeqs: 12, maxNumBatchedTokens: 96 },
    prefixCaching: true,
    onProgress: (numEnded) => {
      if (numEnded === Math.floor(numRequests / 4)) atQuarter = heapBytes();
    },
  });
  await assertAtRest(result);
  const { numFinished, numAborted } = result.counts;
  assert.equal(numFinished + numAborted, numRequests);
  assert.ok(numAborted > numRequests / 20, `${numAborted} aborted`);
  const stats = result.engine.stats();
  assert.ok(stats.numPreemptions > 0);
  assert.ok(stats.numPrefixHitTokens > 0);
  const grownBytes = heapBytes() - atQuarter;
  assert.ok(grownBytes < mostGrowthBytes, `the heap grew by ${grownBytes} bytes`);
});

test("any mixture of requests, limits and aborts: right texts, and every block back", async () => {
  const limits = fc.record({
    blockSize: fc.constantFrom(16, 32),
    numBlocks: fc.integer({ min: 10, max: 40 }),
    maxNumSeqs: fc.integer({ min: 4, max: 10 }),
    maxNumBatchedTokens: fc.integer({ min: 10, max: 120 }),
    maxModelLen: fc.constant(160),
  });
  await fc.assert(
    fc.asyncProperty(limits, fc.integer(), fc.boolean(), async (drawn, seed, prefixCaching) => {
      const result = await soak({ numRequests: 60, numClients: 14, seed, limits: drawn, prefixCaching });
      await assertAtRest(result);
      assert.equal(result.engine.failure(), null);
    }),
    { numRuns: 25, seed: 2 },
  );
});
