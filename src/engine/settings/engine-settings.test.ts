/** Settings that change while the engine runs: in force between two steps, and no text is another one for it. */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import type { LiveSettings } from "../../core/settings/live-settings.ts";
import {
  assertAtRest,
  collect,
  expectedGreedy,
  promptOf,
  requestFor,
  type Scripted,
  scriptedEngine,
} from "../testing/scripted-engine.ts";
import { soak } from "../testing/soak.ts";

const engines: Scripted[] = [];
const start = (...options: Parameters<typeof scriptedEngine>): Scripted => {
  const scripted = scriptedEngine(...options);
  engines.push(scripted);
  return scripted;
};

afterEach(async () => {
  for (const scripted of engines.splice(0)) {
    await scripted.engine.whenIdle();
    await scripted.engine.changeSettings(scripted.engine.settings().ceilings);
    await assertAtRest(scripted);
  }
});

/** Calls `act` before the step with this number, from 1. */
function atStep(number: number, act: () => void): () => void {
  let numSteps = 0;
  return () => {
    numSteps++;
    if (numSteps === number) act();
  };
}

describe("a change holds from the next step on", () => {
  test("seats that are lowered drain: nobody loses one, and newcomers wait", async () => {
    const seen: number[] = [];
    const { engine } = start(
      {},
      {
        beforeStep: (inputs) => {
          seen.push(inputs.sliceStarts.length === 0 ? 0 : engine.stats().numRunning);
          change();
        },
      },
    );
    const change = atStep(3, () => {
      void engine.changeSettings({ maxNumSeqs: 2 });
      assert.equal(engine.settings().requested.maxNumSeqs, 8, "not before the step has ended");
    });
    const lengths = [4, 8, 12, 16, 20, 24, 28, 32];
    await Promise.all(
      lengths.map((maxTokens, i) => collect(engine, requestFor(promptOf(3, i), { maxTokens }))),
    );
    const { requested, effective, isDeferred } = engine.settings();
    assert.deepEqual([requested.maxNumSeqs, effective.maxNumSeqs, isDeferred], [2, 2, false]);
    assert.equal(engine.stats().numPreemptions, 0);
    await Promise.all(
      lengths.map((maxTokens, i) => collect(engine, requestFor(promptOf(3, i), { maxTokens }))),
    );
    assert.equal(Math.max(...seen.slice(0, 4)), 8);
    assert.equal(Math.max(...seen.slice(-40)), 2);
  });

  test("while more sequences run than seats are left, the change is deferred", async () => {
    const states: [boolean, number][] = [];
    const { engine } = start({}, { beforeStep: () => look() });
    let numSteps = 0;
    const look = (): void => {
      numSteps++;
      if (numSteps === 2) void engine.changeSettings({ maxNumSeqs: 1 });
      const { isDeferred, effective } = engine.settings();
      states.push([isDeferred, effective.maxNumSeqs]);
    };
    await Promise.all(
      Array.from({ length: 6 }, (_, i) => collect(engine, requestFor(promptOf(3, i), { maxTokens: 10 }))),
    );
    assert.deepEqual(states.slice(1, 4), [
      [false, 8],
      [true, 6],
      [true, 6],
    ]);
    assert.equal(engine.settings().isDeferred, false);
  });

  test("a smaller token budget cuts the next steps", async () => {
    const sizes: number[] = [];
    const { engine } = start(
      {},
      {
        beforeStep: (inputs) => {
          sizes.push(inputs.numTokens);
          change();
        },
      },
    );
    const change = atStep(1, () => void engine.changeSettings({ maxNumBatchedTokens: 8 }));
    const prompt = promptOf(120);
    const { sequences } = await collect(engine, requestFor(prompt, { maxTokens: 6 }));
    assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompt, 6));
    assert.deepEqual(sizes.slice(0, 8), [64, 8, 8, 8, 8, 8, 8, 8]);
  });

  test("a shorter context holds for requests that come after, and the models list says so", async () => {
    const { engine } = start({}, { beforeStep: () => change() });
    const change = atStep(2, () => void engine.changeSettings({ maxModelLen: 64 }));
    const long = collect(engine, requestFor(promptOf(100), { maxTokens: 60 }));
    assert.equal((await long).sequences[0]?.tokenIds.length, 60);
    assert.equal(engine.model.maxModelLen, 64);
    await assert.rejects(
      collect(engine, requestFor(promptOf(60), { maxTokens: 5 })),
      (error) => error instanceof PagodaError && error.code === "context_length_exceeded",
    );
  });
});

describe("blocks in use", () => {
  test("a lower limit evicts, then preempts the last, and every text is what it would have been", async () => {
    const referenced: number[] = [];
    const { engine } = start(
      { numBlocks: 40 },
      {
        expectedOutputTokens: 1,
        beforeStep: () => {
          referenced.push(engine.blockCounts().numReferenced);
          change();
        },
      },
    );
    const change = atStep(12, () => void engine.changeSettings({ maxNumBlocks: 10 }));
    const prompts = Array.from({ length: 6 }, (_, i) => promptOf(40, i));
    const all = await Promise.all(prompts.map((p) => collect(engine, requestFor(p, { maxTokens: 40 }))));
    all.forEach(({ sequences }, i) => {
      assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompts[i] ?? [], 40));
    });
    assert.ok((referenced[11] ?? 0) > 10);
    assert.ok(Math.max(...referenced.slice(12)) <= 10, referenced.join());
    assert.ok(engine.stats().numPreemptions > 0);
    const { numFree, numCached, numWithheld, numTotal } = engine.blockCounts();
    assert.deepEqual([numFree + numCached, numWithheld, numTotal], [10, 30, 40]);
  });

  test("a sequence that needs more than the limit keeps it up until it has ended", async () => {
    let during = 0;
    const { engine } = start({ numBlocks: 40 }, { beforeStep: () => look() });
    const look = atStep(8, () => {
      during = engine.settings().effective.maxNumBlocks;
    });
    const running = collect(engine, requestFor(promptOf(100), { maxTokens: 33 }));
    await new Promise((resolve) => setImmediate(resolve));
    await engine.changeSettings({ maxNumBlocks: 4 });
    assert.equal(engine.settings().isDeferred, true);
    await running;
    await collect(engine, requestFor(promptOf(20), { maxTokens: 2 }));
    // Positions of 100 + 33 tokens but the last, in blocks of 16.
    assert.equal(during, 9);
    assert.deepEqual([engine.settings().effective.maxNumBlocks, engine.settings().isDeferred], [4, false]);
    await assert.rejects(collect(engine, requestFor(promptOf(100), { maxTokens: 2 })), /The KV pool holds/);
  });
});

test("the prefix cache off, on and forgotten", async () => {
  const { engine } = start();
  const prompt = promptOf(60);
  const cachedTokens = async () =>
    (await collect(engine, requestFor(prompt, { maxTokens: 3 }))).prompt.numCachedTokens;
  await cachedTokens();
  assert.equal(await cachedTokens(), 48);
  await engine.changeSettings({ prefixCaching: false });
  assert.equal(engine.blockCounts().numCached, 0);
  assert.deepEqual([await cachedTokens(), await cachedTokens()], [0, 0]);
  await engine.changeSettings({ prefixCaching: true });
  assert.deepEqual([await cachedTokens(), await cachedTokens()], [0, 48]);
  assert.equal(
    await engine.resetPrefixCache(),
    engine.blockCounts().numTotal - engine.blockCounts().numFree + 3,
  );
  assert.equal(await cachedTokens(), 0);
});

test("turned off and on while sequences share their beginning", async () => {
  const { engine } = start({}, { beforeStep: () => toggle() });
  let numSteps = 0;
  const toggle = (): void => {
    numSteps++;
    if (numSteps % 3 === 0) void engine.changeSettings({ prefixCaching: numSteps % 2 === 0 });
  };
  const prompts = Array.from({ length: 12 }, (_, i) => [...promptOf(48), ...promptOf(1 + i, i)]);
  const all = await Promise.all(prompts.map((p) => collect(engine, requestFor(p, { maxTokens: 20 }))));
  all.forEach(({ sequences }, i) => {
    assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompts[i] ?? [], 20));
  });
});

test("600 requests while every setting changes at random: the right texts, and every block back", async () => {
  const limits = { numBlocks: 40, maxModelLen: 192, maxNumSeqs: 8, maxNumBatchedTokens: 48 };
  const scripted = await soak({
    numRequests: 600,
    numClients: 12,
    seed: 7,
    limits,
    prefixCaching: true,
    disturb: (engine, choices) => {
      const maxNumSeqs = 4 + choices.below(5);
      const changes: Partial<LiveSettings>[] = [
        { maxNumSeqs },
        { maxNumBatchedTokens: 8 + choices.below(41) },
        { maxNumBlocks: 12 + choices.below(29) },
        { prefixCaching: choices.oneIn(2) },
        { maxStepMs: 1 + choices.below(20) },
      ];
      void engine.changeSettings(changes[choices.below(changes.length)] ?? {});
      if (choices.oneIn(10)) void engine.resetPrefixCache();
    },
  });
  engines.push(scripted);
  assert.ok(scripted.counts.numFinished > 300);
});
