/** An answer that goes on after the tokens of another instance is the answer that one would have given. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../core/errors.ts";
import type { GenerationEvent } from "../core/generation.ts";
import type { SamplingParams } from "../core/sampling-params.ts";
import { collect, greedy, promptOf, requestFor, scriptedEngine } from "./testing/scripted-engine.ts";

type Delta = Extract<GenerationEvent, { type: "delta" }>;

async function eventsOf(
  wishes: Partial<SamplingParams>,
  tokenIds: readonly number[] | null,
  prompt = promptOf(20),
): Promise<GenerationEvent[]> {
  const { engine } = scriptedEngine();
  const continuation = tokenIds === null ? null : { seed: 77, tokenIds };
  const events: GenerationEvent[] = [];
  const request = { ...requestFor(prompt, wishes), continuation };
  for await (const event of engine.generate(request, new AbortController().signal)) events.push(event);
  await engine.whenIdle();
  assert.equal(engine.blockCounts().numReferenced, 0);
  return events;
}

const textOf = (events: readonly GenerationEvent[]): string =>
  events.map((event) => (event.type === "delta" ? event.text : "")).join("");
const deltasOf = (events: readonly GenerationEvent[]): Delta[] =>
  events.filter((event): event is Delta => event.type === "delta");
const plain = (events: readonly GenerationEvent[]): unknown[] =>
  events.map((event) => {
    if (event.type !== "delta") return event;
    const { isReplayed: _replayed, ...delta } = event;
    return delta;
  });

test("cut after any token, every event is that of an undisturbed run; what was there is marked as replayed", async () => {
  const cases: Partial<SamplingParams>[] = [
    { maxTokens: 12 },
    { maxTokens: 12, temperature: 1.3, seed: 5, topK: 20 },
    { maxTokens: 12, temperature: 1.3 },
    { maxTokens: 12, repetitionPenalty: 1.4, presencePenalty: 0.7, frequencyPenalty: 0.5 },
    { maxTokens: 40, stopStrings: ["b", "ca"] },
    { maxTokens: 40, ignoreEos: false, temperature: 2, seed: 3 },
    { maxTokens: 12, minTokens: 6, ignoreEos: false, temperature: 2, seed: 3 },
  ];
  for (const wishes of cases) {
    const whole = await eventsOf(wishes, []);
    const tokenIds = deltasOf(whole).flatMap((delta) => delta.tokenIds);
    for (let cut = 0; cut <= tokenIds.length; cut += 1) {
      const resumed = await eventsOf(wishes, tokenIds.slice(0, cut));
      assert.deepEqual(plain(resumed), plain(whole), `${JSON.stringify(wishes)} cut after ${cut}`);
      assert.equal(deltasOf(resumed).filter(({ isReplayed }) => isReplayed === true).length, cut);
    }
  }
});

test("the seed of a request without one is that of the continuation", async () => {
  const wishes = { ...greedy, temperature: 1.5, seed: null, maxTokens: 30 };
  const [first, second] = [await eventsOf(wishes, []), await eventsOf({ ...wishes, seed: 77 }, null)];
  assert.equal(textOf(first), textOf(second));
});

test("tokens that follow the end, or are none, are refused", async () => {
  const { engine } = scriptedEngine();
  const { sequences } = await collect(engine, requestFor(promptOf(20), { maxTokens: 4 }));
  const tokenIds = sequences[0]?.tokenIds ?? [];
  for (const wrong of [[...tokenIds, 1], [-1], [1_000_000]])
    await assert.rejects(
      eventsOf({ maxTokens: 4 }, wrong),
      (error) => error instanceof PagodaError && error.code === "invalid_request",
    );
});
