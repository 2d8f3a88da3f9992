import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent, PositionLogprobs } from "../../core/generation.ts";
import {
  assertAtRest,
  collect,
  expectedGreedy,
  promptOf,
  requestFor,
  type Scripted,
  scriptedEngine,
} from "../testing/scripted-engine.ts";
import { EventQueue } from "./event-queue.ts";
import { OutputBacklog } from "./output-backlog.ts";

const isTooSlow = (error: unknown): boolean =>
  error instanceof PagodaError && error.code === "client_too_slow" && error.hint !== undefined;

const token = { tokenId: 1, logprob: -1, rank: 1 };

function deltaWith(numAlternatives: number | null): GenerationEvent {
  const position: PositionLogprobs | null =
    numAlternatives === null ? null : { ...token, top: Array(numAlternatives).fill(token) };
  return {
    type: "delta",
    index: 0,
    text: "é",
    tokenIds: [1],
    logprobs: position === null ? null : [position],
  };
}

function queuesOver(unread: OutputBacklog, numQueues: number) {
  return Array.from({ length: numQueues }, () => {
    const dropped: Error[] = [];
    return { queue: new EventQueue(unread, (error) => dropped.push(error)), dropped };
  });
}

async function eventsOf(queue: EventQueue): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of queue.read()) events.push(event);
  return events;
}

describe("the count of unread events", () => {
  test("grows with what an event holds, and what was taken is not counted", async () => {
    const unread = new OutputBacklog(2 ** 20);
    const [only] = queuesOver(unread, 1);
    assert.ok(only !== undefined);
    const sizes = [null, 0, 5, 20].map((numAlternatives) => {
      const before = unread.numBytes;
      only.queue.push(deltaWith(numAlternatives));
      return unread.numBytes - before;
    });
    assert.deepEqual(
      sizes,
      sizes.toSorted((a, b) => a - b),
    );
    assert.ok((sizes[3] ?? 0) > 10 * (sizes[0] ?? 0), sizes.join());
    const events = only.queue.read();
    for (const size of sizes) {
      const before = unread.numBytes;
      await events.next();
      assert.equal(before - unread.numBytes, size);
    }
    assert.equal(unread.numBytes, 0);
  });

  test("above the capacity the largest queues go, one that has ended among them, and no others", async () => {
    const unread = new OutputBacklog(50_000);
    const all = queuesOver(unread, 12);
    for (const [i, { queue }] of all.entries())
      for (let k = 0; k < (i === 3 || i === 7 ? 20 : 5); k++) queue.push(deltaWith(5));
    all[7]?.queue.end();
    unread.enforce();
    assert.deepEqual(
      all.flatMap(({ dropped }, i) => (dropped.length > 0 ? [i] : [])),
      [3, 7],
    );
    for (const [i, { queue, dropped }] of all.entries()) {
      queue.push(deltaWith(null));
      queue.end();
      if (dropped.length === 0) assert.equal((await eventsOf(queue)).length, 6, `queue ${i}`);
      else await assert.rejects(eventsOf(queue), isTooSlow, `queue ${i}`);
    }
    assert.equal(unread.numBytes, 0);
  });

  test("a consumer that leaves takes its events out of the count, and nothing is accepted for it any more", async () => {
    const unread = new OutputBacklog(2 ** 20);
    const [only] = queuesOver(unread, 1);
    assert.ok(only !== undefined);
    for (let k = 0; k < 5; k++) only.queue.push(deltaWith(5));
    for await (const _ of only.queue.read()) break;
    only.queue.push(deltaWith(5));
    assert.equal(unread.numBytes, 0);
  });
});

describe("an engine whose clients read slowly", () => {
  const engines: Scripted[] = [];
  const start = (unreadCapacityBytes: number): Scripted => {
    const scripted = scriptedEngine({}, { unreadCapacityBytes });
    engines.push(scripted);
    return scripted;
  };
  afterEach(async () => {
    for (const scripted of engines.splice(0)) await assertAtRest(scripted);
  });

  test("ends the one that does not read; the others get their text, and all blocks are given back", async () => {
    const { engine, records } = start(30_000);
    const slow = engine.generate(
      requestFor(promptOf(9), { maxTokens: 200, logprobs: 8 }),
      new AbortController().signal,
    );
    await slow.next();
    const prompts = Array.from({ length: 6 }, (_, i) => promptOf(5 + i, i));
    const others = await Promise.all(
      prompts.map((prompt) => collect(engine, requestFor(prompt, { maxTokens: 120, logprobs: 8 }))),
    );
    others.forEach(({ sequences }, i) => {
      assert.deepEqual(sequences[0]?.tokenIds, expectedGreedy(prompts[i] ?? [], 120));
    });
    await engine.whenIdle();
    assert.equal(engine.blockCounts().numReferenced, 0);
    assert.equal(engine.numUnreadBytes, 0);
    const [ended, ...rest] = records;
    assert.deepEqual(
      [ended?.outcome, ...rest.map(({ outcome }) => outcome)],
      ["error", ...Array(6).fill("length")],
    );
    assert.ok((ended?.numCompletionTokens ?? 0) < 120, "ended while it was running");
    await assert.rejects(slow.next(), isTooSlow);
  });

  test("ends one that had finished, when others need the room", async () => {
    const { engine } = start(30_000);
    const finished = engine.generate(
      requestFor(promptOf(9), { maxTokens: 25, logprobs: 8 }),
      new AbortController().signal,
    );
    await finished.next();
    await engine.whenIdle();
    assert.ok(engine.numUnreadBytes > 20_000);
    const slow = engine.generate(
      requestFor(promptOf(7), { maxTokens: 20, logprobs: 8 }),
      new AbortController().signal,
    );
    await slow.next();
    await engine.whenIdle();
    await assert.rejects(finished.next(), isTooSlow);
    let numDeltas = 0;
    for await (const event of slow) if (event.type === "delta") numDeltas++;
    assert.equal(numDeltas, 20);
  });

  test("leaves alone whoever reads at once, whatever one step brings", async () => {
    const { engine } = start(0);
    const wishes = { maxTokens: 40, n: 4, logprobs: 8, promptLogprobs: 8 };
    const { prompt, sequences } = await collect(engine, requestFor(promptOf(100), wishes));
    assert.equal(prompt.promptLogprobs?.length, 100);
    assert.deepEqual(
      sequences.map(({ tokenIds }) => tokenIds.length),
      [40, 40, 40, 40],
    );
  });
});
