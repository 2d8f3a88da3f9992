/** The curve of one run against real runs of the engine with other pool sizes, over the same requests. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededUniform } from "../../../core/seeded-uniform.ts";
import { promptOf, requestFor, type Scripted, scriptedEngine } from "../../testing/scripted-engine.ts";
import { GhostCache } from "./ghost-cache.ts";
import { OrderCounts } from "./order-counts.ts";

const limits = { blockSize: 16, maxModelLen: 512, maxNumSeqs: 8, maxNumBatchedTokens: 512 };

/** The requests of each client, one after another. */
type Load = readonly (readonly { readonly prompt: number[]; readonly maxTokens: number }[])[];

/** Few documents are asked about often (Zipf), each time with another question. */
function documents(numClients: number, numDocuments: number, seed: number): Load {
  const uniform = seededUniform(seed);
  const weights = Array.from({ length: numDocuments }, (_, i) => 1 / (i + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const document = (): number => {
    let left = uniform() * total;
    return weights.findIndex((weight) => {
      left -= weight;
      return left <= 0;
    });
  };
  return Array.from({ length: numClients }, () =>
    Array.from({ length: Math.ceil(700 / numClients) }, () => {
      const text = promptOf(96 + 16 * Math.floor(uniform() * 3), 1000 + document());
      return { prompt: [...text, ...promptOf(20, Math.floor(uniform() * 1e6))], maxTokens: 4 };
    }),
  );
}

/** Users who come back in turns with a conversation that grows, behind one system prompt. */
function conversations(numUsers: number, numRequests: number, seed: number): Load {
  const uniform = seededUniform(seed);
  const system = promptOf(48, 7);
  const users = Array.from({ length: numUsers }, () => [...system]);
  const requests = Array.from({ length: numRequests }, () => {
    const user = Math.floor(uniform() ** 2 * users.length);
    let history = users[user] ?? system;
    if (history.length > 300) history = [...system];
    const prompt = [...history, ...promptOf(24, Math.floor(uniform() * 1e6))];
    users[user] = prompt;
    return { prompt, maxTokens: 6 };
  });
  return [requests];
}

async function run(numBlocks: number, load: Load): Promise<Scripted["engine"]> {
  const { engine } = scriptedEngine({ ...limits, numBlocks }, { expectedOutputTokens: 4 });
  const client = async (requests: Load[number]): Promise<void> => {
    for (const { prompt, maxTokens } of requests)
      for await (const _ of engine.generate(
        requestFor(prompt, { maxTokens }),
        new AbortController().signal,
      )) {
        // Read to the end.
      }
  };
  await Promise.all(load.map(client));
  return engine;
}

const loads: Readonly<Record<string, Load>> = {
  "documents, one client": documents(1, 60, 1),
  "documents, six clients at once": documents(6, 60, 2),
  conversations: conversations(24, 700, 3),
};
const sizes = [64, 96, 128, 192, 256, 384];
const observedAt = 128;

for (const [name, load] of Object.entries(loads))
  test(`${name}: six pool sizes from a run with one of them`, async () => {
    const { points } = (await run(observedAt, load)).prefixCacheCurve();
    for (const numBlocks of sizes) {
      const { numPrefixHitTokens, numPrefixQueryTokens } = (await run(numBlocks, load)).stats();
      const real = numPrefixHitTokens / numPrefixQueryTokens;
      const predicted = points.find((point) => point.numBlocks >= numBlocks)?.hitRate ?? 0;
      assert.ok(Math.abs(real - predicted) <= 0.02, `${numBlocks}: real ${real}, predicted ${predicted}`);
    }
  });

test("a quarter of the blocks followed: within four points of all of them", () => {
  const [all, some] = [new GhostCache(1024, 16), new GhostCache(1024, 16, 1024)];
  for (const { prompt } of conversations(300, 6000, 4)[0] ?? []) {
    const tokens = Int32Array.from(prompt);
    for (const ghosts of [all, some]) {
      const use = { maxCachedTokens: tokens.length - 1, numReferenced: 0, isCounted: true };
      ghosts.begin(tokens, tokens.length, use);
      ghosts.end(tokens, tokens.length, tokens.length);
    }
  }
  assert.equal(some.curve().sampledShare, 0.25);
  // Of pools of a few blocks a sample says nothing.
  for (const [i, { numBlocks, hitRate }] of all.curve().points.entries()) {
    const sampled = some.curve().points[i]?.hitRate ?? 0;
    if (numBlocks >= 128)
      assert.ok(Math.abs(sampled - hitRate) < 0.04, `${numBlocks}: ${sampled}, ${hitRate}`);
  }
});

test("marks after a moment", () => {
  const counts = new OrderCounts(10);
  for (const moment of [1, 4, 9]) counts.mark(moment);
  assert.deepEqual(
    [0, 1, 4, 8, 9].map((moment) => counts.numAfter(moment)),
    [3, 2, 1, 1, 0],
  );
  counts.clear(4);
  assert.deepEqual(
    [0, 1, 4].map((moment) => counts.numAfter(moment)),
    [2, 1, 1],
  );
});
