import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PagodaError } from "../core/errors.ts";
import type { GenerationEvent } from "../core/generation.ts";
import {
  assertAtRest,
  collect,
  expectedGreedy,
  promptOf,
  requestFor,
  type Scripted,
  scriptedEngine,
} from "./testing/scripted-engine.ts";

const engines: Scripted[] = [];
const start = (...options: Parameters<typeof scriptedEngine>): Scripted => {
  const scripted = scriptedEngine(...options);
  engines.push(scripted);
  return scripted;
};

afterEach(async () => {
  for (const scripted of engines.splice(0)) await assertAtRest(scripted);
});

const hasCode = (code: string) => (error: unknown) => error instanceof PagodaError && error.code === code;

describe("the engine generates what the model says", () => {
  test("one prompt, in one chunk and in many", async () => {
    for (const maxNumBatchedTokens of [64, 17, 8]) {
      const { engine } = start({ maxNumBatchedTokens });
      const prompt = promptOf(50);
      const { sequences, prompt: event } = await collect(engine, requestFor(prompt, { maxTokens: 20 }));
      assert.deepEqual(event.promptTokenIds, prompt);
      assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompt, 20));
      assert.equal(sequences[0]?.finished.reason, "length");
    }
  });

  test("more requests than seats, each with its own text", async () => {
    const { engine } = start({ maxNumSeqs: 4 });
    const prompts = Array.from({ length: 20 }, (_, i) => promptOf(3 + 5 * i, i));
    const all = await Promise.all(prompts.map((p) => collect(engine, requestFor(p, { maxTokens: 12 }))));
    all.forEach(({ sequences }, i) => {
      assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompts[i] ?? [], 12));
    });
  });

  test("a pool too small for all at once: preempted and recomputed, same text", async () => {
    const { engine } = start({ numBlocks: 12, maxModelLen: 128 }, { expectedOutputTokens: 1 });
    const prompts = Array.from({ length: 8 }, (_, i) => promptOf(20, i));
    const all = await Promise.all(prompts.map((p) => collect(engine, requestFor(p, { maxTokens: 60 }))));
    all.forEach(({ sequences }, i) => {
      assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompts[i] ?? [], 60));
    });
    assert.ok(engine.stats().numPreemptions > 0);
  });

  test("a cached prefix is reported, and changes nothing", async () => {
    const { engine, model } = start();
    const prompt = promptOf(60);
    const cold = await collect(engine, requestFor(prompt));
    const numComputed = model.numTokensComputed;
    const warm = await collect(engine, requestFor(prompt));
    assert.equal(cold.prompt.numCachedTokens, 0);
    assert.equal(warm.prompt.numCachedTokens, 48);
    assert.equal(model.numTokensComputed - numComputed, 60 - 48 + 7);
    assert.deepEqual(warm.sequences, cold.sequences);
    const stats = engine.stats();
    assert.deepEqual([stats.numPrefixQueryTokens, stats.numPrefixHitTokens], [120, 48]);
  });

  test("a conversation's next turn finds the answer of the turn before in the cache", async () => {
    const { engine } = start();
    const first = promptOf(30);
    const { sequences } = await collect(engine, requestFor(first, { maxTokens: 40 }));
    const second = [...first, ...(sequences[0]?.tokenIds ?? []), ...promptOf(5, 9)];
    const { prompt } = await collect(engine, requestFor(second));
    assert.equal(prompt.numCachedTokens, 64);
  });

  test("requests that share a prefix and arrive together compute it once", async () => {
    const { engine, model } = start({ maxNumBatchedTokens: 32 });
    const shared = promptOf(96);
    const prompts = [1, 2, 3, 4].map((tail) => [...shared, tail, tail]);
    const all = await Promise.all(prompts.map((p) => collect(engine, requestFor(p, { maxTokens: 4 }))));
    all.forEach(({ sequences }, i) => {
      assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompts[i] ?? [], 4));
    });
    assert.equal(model.numTokensComputed, 96 + 4 * 2 + 4 * 3);
  });

  test("n sequences share their prompt and each is its own", async () => {
    for (const numPromptTokens of [1, 16, 17, 40, 48]) {
      const { engine, model } = start();
      const prompt = promptOf(numPromptTokens);
      const wishes = { n: 3, temperature: 1, maxTokens: 20, seed: 5 };
      const together = await collect(engine, requestFor(prompt, wishes));
      assert.equal(model.numTokensComputed, numPromptTokens - 1 + 3 * 20);
      const texts = together.sequences.map(({ tokenIds }) => tokenIds.join());
      assert.equal(new Set(texts).size, 3);
      const again = await collect(engine, requestFor(prompt, wishes));
      assert.deepEqual(again.sequences, together.sequences);
      const alone = await collect(engine, requestFor(prompt, { ...wishes, n: 1 }));
      assert.deepEqual(alone.sequences[0], together.sequences[0]);
    }
  });

  test("higher priority is served first", async () => {
    const { engine, records } = start({ maxNumSeqs: 1 });
    const requests = [3, 1, 2].map((priority) => requestFor(promptOf(10, priority), {}, priority));
    await Promise.all(requests.map((request) => collect(engine, request)));
    assert.deepEqual(
      records.map((record) => record.requestId),
      [requests[1], requests[2], requests[0]].map((r) => r?.requestId),
    );
  });
});

describe("every request has exactly one ending", () => {
  test("a client that leaves the iteration frees its blocks before the next step", async () => {
    const { engine, records } = start();
    for await (const event of engine.generate(
      requestFor(promptOf(40), { maxTokens: 100 }),
      new AbortController().signal,
    )) {
      if (event.type === "delta") break;
    }
    const numSteps = engine.stats().numSteps;
    assert.equal(records.at(-1)?.outcome, "abort");
    await sleep(5);
    assert.ok(engine.stats().numSteps <= numSteps + 1);
  });

  test("an aborted signal ends the iteration without an error, in whatever state the request is", async () => {
    for (const numSteps of [0, 1, 2, 3, 5, 9]) {
      const controllers = [new AbortController(), new AbortController()];
      let steps = 0;
      const { engine, records } = start(
        { maxNumSeqs: 1 },
        {
          beforeStep: () => {
            if (steps++ === numSteps) for (const controller of controllers) controller.abort();
          },
        },
      );
      const stays = collect(engine, requestFor(promptOf(150), { maxTokens: 10 }));
      const leave = controllers.map(async ({ signal }) => {
        const events: GenerationEvent[] = [];
        for await (const event of engine.generate(
          requestFor(promptOf(150, 3), { maxTokens: 10, n: 1 }),
          signal,
        ))
          events.push(event);
        return events;
      });
      for (const events of await Promise.all(leave))
        assert.ok(!events.some((event) => event.type === "finished"));
      assert.deepEqual((await stays).sequences[0]?.tokenIds, expectedGreedy(promptOf(150), 10));
      assert.deepEqual(records.map((record) => record.outcome).toSorted(), ["abort", "abort", "length"]);
    }
  });

  test("a signal that is aborted already starts nothing", async () => {
    const { engine, model } = start();
    for await (const _ of engine.generate(requestFor(promptOf(4)), AbortSignal.abort())) assert.fail();
    assert.equal(model.numSteps, 0);
  });

  test("a request that leaves before its first step costs no step", async () => {
    const { engine, model } = start();
    const controller = new AbortController();
    const events = engine.generate(requestFor(promptOf(40)), controller.signal);
    const first = events.next();
    controller.abort();
    assert.deepEqual(await first, { done: true, value: undefined });
    await engine.whenIdle();
    assert.equal(model.numSteps, 0);
  });

  test("blocks of a request that leaves during a step are back before the next", async () => {
    const controller = new AbortController();
    let steps = 0;
    const referenced: number[] = [];
    const scripted = start(
      {},
      {
        beforeStep: async () => {
          if (++steps === 3) controller.abort();
          referenced.push(scripted.engine.blockCounts().numReferenced);
        },
      },
    );
    const stays = collect(scripted.engine, requestFor(promptOf(10), { maxTokens: 5 }));
    for await (const _ of scripted.engine.generate(
      requestFor(promptOf(50, 2), { maxTokens: 50 }),
      controller.signal,
    ));
    await stays;
    assert.deepEqual(referenced.slice(0, 5), [1 + 4, 1 + 4, 1, 1, 1]);
  });

  test("n sequences leave together", async () => {
    const { engine } = start();
    const controller = new AbortController();
    let numDeltas = 0;
    for await (const event of engine.generate(
      requestFor(promptOf(20), { n: 4, maxTokens: 90 }),
      controller.signal,
    )) {
      if (event.type === "delta" && ++numDeltas === 10) controller.abort();
    }
    assert.ok(numDeltas >= 10 && numDeltas < 360);
  });

  test("a step that fails ends every running and waiting request with one error, and refuses new ones", async () => {
    let steps = 0;
    const { engine, records } = start(
      { maxNumSeqs: 2 },
      {
        beforeStep: async () => {
          if (++steps === 4) throw new Error("thread 1 died");
        },
      },
    );
    const all = [1, 2, 3, 4].map((seed) =>
      collect(engine, requestFor(promptOf(30, seed), { maxTokens: 50 })),
    );
    for (const result of await Promise.allSettled(all)) {
      assert.equal(result.status, "rejected");
      assert.ok(hasCode("engine_failed")(result.reason));
      assert.match(result.reason.message, /thread 1 died/);
    }
    assert.match(engine.failure() ?? "", /thread 1 died/);
    assert.deepEqual(
      records.map((record) => record.outcome),
      ["error", "error", "error", "error"],
    );
    await assert.rejects(collect(engine, requestFor(promptOf(3))), hasCode("engine_failed"));
  });

  test("logits that are not finite end the request they belong to, and no other", async () => {
    const expected = expectedGreedy(promptOf(20), 30);
    const damaged = [60, 61, 62, 63].find((tokenId) => !expected.includes(tokenId)) ?? 0;
    const { engine, records } = start(
      {},
      { changeLogits: (logits, tokenId) => tokenId === damaged && logits.fill(Number.NaN, 3, 4) },
    );
    const wishes = [
      {},
      { n: 3, temperature: 1 },
      { logprobs: 2 },
      { stopStrings: ["zzz"] },
      { maxTokens: 0, promptLogprobs: 1 },
    ];
    const sound = collect(engine, requestFor(promptOf(20), { maxTokens: 30 }));
    for (const wish of wishes)
      await assert.rejects(
        collect(engine, requestFor([...promptOf(20, 7), damaged, damaged], wish)),
        hasCode("logits_not_finite"),
      );
    assert.deepEqual((await sound).sequences[0]?.tokenIds, expected);
    assert.equal(engine.failure(), null);
    assert.equal(records.filter(({ outcome }) => outcome === "error").length, wishes.length);
  });

  test("closing ends what runs and refuses what comes", async () => {
    const { engine } = start();
    const running = collect(engine, requestFor(promptOf(30), { maxTokens: 200 }));
    running.catch(() => undefined);
    await sleep(2);
    await engine.close();
    await assert.rejects(running, hasCode("not_ready"));
    await assert.rejects(collect(engine, requestFor(promptOf(3))), hasCode("not_ready"));
  });

  test("records say when things happened", async () => {
    const { engine, records } = start();
    await collect(engine, requestFor(promptOf(30), { maxTokens: 5 }));
    const [record] = records;
    assert.ok(record !== undefined);
    assert.equal(record.outcome, "length");
    assert.equal(record.interTokenMs.length, 4);
    assert.ok((record.scheduledMs ?? -1) >= record.arrivedMs);
    assert.ok((record.firstTokenMs ?? -1) > (record.scheduledMs ?? 0));
    assert.ok(record.finishedMs >= (record.firstTokenMs ?? 0));
    assert.deepEqual(
      [record.numPromptTokens, record.numCompletionTokens, record.numCachedTokens],
      [30, 5, 0],
    );
  });
});

test("an idle engine takes no steps and holds no timer", async () => {
  const numTimers = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === "Immediate" || kind === "Timeout").length;
  const { engine, model } = start();
  // The test runner has timers of its own.
  const numBefore = numTimers();
  await collect(engine, requestFor(promptOf(4)));
  const { numSteps } = model;
  assert.equal(numTimers(), numBefore);
  await sleep(10);
  assert.equal(numTimers(), numBefore);
  assert.equal(model.numSteps, numSteps);
});

test("memory and statistics follow the pool", async () => {
  const { engine } = start({ numBlocks: 40 });
  for await (const event of engine.generate(
    requestFor(promptOf(40), { maxTokens: 20 }),
    new AbortController().signal,
  )) {
    const { blocks, maxConcurrency, numKvTokens } = engine.memory();
    assert.equal(blocks.numFree + blocks.numCached + blocks.numReferenced, blocks.numTotal);
    assert.deepEqual([blocks.numTotal, numKvTokens, maxConcurrency], [40, 640, 2.5]);
    if (event.type === "prompt") assert.ok(engine.stats().kvCacheUsage > 0);
  }
  const stats = engine.stats();
  assert.deepEqual([stats.numPromptTokens, stats.numGenerationTokens, stats.kvCacheUsage], [40, 20, 0]);
});

test("tokens to text and back", async () => {
  const { engine } = start();
  const { signal } = new AbortController();
  const text = { kind: "text", text: "abc", addSpecialTokens: false } as const;
  assert.deepEqual(await engine.tokenize(text, signal), [0, 1, 2]);
  assert.equal(engine.detokenize([0, 54, 55, 56, 63]), "a€<63>");
  assert.deepEqual([engine.vocabularyEntry(0), engine.vocabularyEntry(63)], ["a", "<63>"]);
  assert.throws(
    () => engine.detokenize([64]),
    (error) => error instanceof PagodaError && error.param === "tokens",
  );
  assert.equal(engine.detokenize([0, 63], { skipSpecialTokens: true }), "a");
  assert.deepEqual(engine.tokenPiece(54), { text: "\ufffd", bytes: Uint8Array.of(0xe2) });
});

test("no more than one partial block of a running sequence is without tokens", async () => {
  const seen: number[] = [];
  const { engine } = scriptedEngine(
    { maxNumSeqs: 4, maxNumBatchedTokens: 64 },
    {
      observer: {
        requestFinished: () => undefined,
        stepFinished: () => seen.push(engine.stats().numWastedTokens),
      },
    },
  );
  await Promise.all(
    [3, 40, 77].map((numTokens) => collect(engine, requestFor(promptOf(numTokens, numTokens)))),
  );
  assert.ok(seen.length > 3);
  assert.ok(seen.some((numTokens) => numTokens > 0));
  for (const numTokens of seen) assert.ok(numTokens >= 0 && numTokens <= 3 * 15, `${numTokens} places`);
});
