import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConstraintRule, OutputConstraint } from "../../core/answer/output-constraint.ts";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationRequest } from "../../core/generation.ts";
import { assertAtRest, collect, promptOf, requestFor, scriptedEngine } from "../testing/scripted-engine.ts";

const ruled = (rule: ConstraintRule): OutputConstraint => ({ rule, param: "rule", reasoning: null });
const regex = (pattern: string): OutputConstraint => ruled({ kind: "regex", pattern });

function ruledRequest(
  constraint: OutputConstraint,
  sampling: Parameters<typeof requestFor>[1] = {},
): GenerationRequest {
  return { ...requestFor(promptOf(20), { temperature: 1, maxTokens: 40, ...sampling }), constraint };
}

test("every token fits the rule, and a text that cannot go on ends there, without an end token", async () => {
  const scripted = scriptedEngine();
  for (let seed = 1; seed <= 5; seed++) {
    const { sequences } = await collect(scripted.engine, ruledRequest(regex("[ab]{3}(cd|CD){2}é"), { seed }));
    assert.match(sequences[0]?.text ?? "", /^[ab]{3}(cd|CD){2}é$/);
    // "é" is two tokens.
    assert.deepEqual(sequences[0]?.finished, {
      type: "finished",
      index: 0,
      reason: "stop",
      stopReason: null,
      numCompletionTokens: 9,
    });
  }
  await assertAtRest(scripted);
});

test("the end of text is allowed only where the text may end", async () => {
  const scripted = scriptedEngine();
  for (let seed = 1; seed <= 12; seed++) {
    const request = ruledRequest(regex("(ab)*"), { seed, ignoreEos: false, temperature: 3 });
    const { sequences } = await collect(scripted.engine, request);
    const [sequence] = sequences;
    if (sequence?.finished.reason === "stop") assert.match(sequence.text, /^(ab)*$/);
    else assert.match(sequence?.text ?? "", /^(ab)*a?$/);
  }
  await assertAtRest(scripted);
});

test("n sequences of a request follow the rule each by itself", async () => {
  const scripted = scriptedEngine();
  const { sequences } = await collect(scripted.engine, ruledRequest(regex("[a-z]{1,9}Z"), { n: 4, seed: 3 }));
  for (const { text, finished } of sequences) {
    assert.equal(finished.reason, "stop");
    assert.match(text, /^[a-z]{1,9}Z$/);
  }
  assert.ok(new Set(sequences.map(({ text }) => text)).size > 1);
  await assertAtRest(scripted);
});

test("a rule that the vocabulary cannot write ends its own request with an error, and no other", async () => {
  const scripted = scriptedEngine();
  const other = collect(scripted.engine, requestFor(promptOf(10, 4), { maxTokens: 30 }));
  await assert.rejects(collect(scripted.engine, ruledRequest(regex("ab-"))), (error) => {
    assert.ok(error instanceof PagodaError && error.code === "invalid_request" && error.param === "rule");
    return true;
  });
  assert.equal((await other).sequences[0]?.tokenIds.length, 30);
  await assertAtRest(scripted);
});

test("a rule that takes too long is refused; those beside it are compiled", async () => {
  const scripted = scriptedEngine();
  const hard = ruled({
    kind: "json-schema",
    schema: { type: "string", pattern: "(a|b)*a(a|b){13}", format: "date-time" },
  });
  const alternatives = Array.from({ length: 6 }, (_, i) => `(.*${"abcdef"[i]}.{9})`).join("|");
  const heavy = ruled({ kind: "json-schema", schema: { type: "string", pattern: alternatives } });
  const results = await Promise.allSettled([
    collect(scripted.engine, ruledRequest(heavy)),
    collect(scripted.engine, ruledRequest(hard)),
    collect(scripted.engine, ruledRequest(regex("ab"))),
  ]);
  assert.equal(results[0]?.status, "rejected");
  assert.ok(results[0].reason instanceof PagodaError && results[0].reason.code === "invalid_request");
  assert.equal(results[2]?.status, "fulfilled");
  await assertAtRest(scripted);
});

test("states are dropped above the capacity, and texts stay right", async () => {
  const scripted = scriptedEngine({}, { constraintCapacityBytes: 4000 });
  const requests = Array.from({ length: 6 }, (_, i) =>
    collect(scripted.engine, ruledRequest(regex("([a-c]{2}[A-C])*"), { seed: i, maxTokens: 60 })),
  );
  for (const { sequences } of await Promise.all(requests))
    assert.match(sequences[0]?.text ?? "", /^([a-c]{2}[A-C])*[a-c]{0,2}$/);
  await assertAtRest(scripted);
});

test("reasoning may come first, and what the prompt opened must be closed", async () => {
  const scripted = scriptedEngine();
  const reasoning = { open: "T", close: "E" };
  const rule: ConstraintRule = { kind: "regex", pattern: "x{3}" };
  const request = ruledRequest({ rule, param: "rule", reasoning }, { seed: 4, temperature: 2 });
  const { sequences } = await collect(scripted.engine, request);
  assert.match(sequences[0]?.text ?? "", /^(T[^E]*(E|$))?(xxx)?$/);
  const openId = 45;
  const opened = { ...request, prompt: { kind: "tokens" as const, tokenIds: [...promptOf(5), openId] } };
  const inside = await collect(scripted.engine, {
    ...opened,
    sampling: { ...opened.sampling, maxTokens: 200 },
  });
  assert.match(inside.sequences[0]?.text ?? "", /^[^E]*(Exxx)?$/s);
  await assertAtRest(scripted);
});

test("rules and what is made of them are counted, and stay within their capacity", async () => {
  const constraintCapacityBytes = 200_000;
  const scripted = scriptedEngine({}, { constraintCapacityBytes });
  const { engine } = scripted;
  assert.deepEqual(engine.memory().rules, { bytes: 0, capacityBytes: constraintCapacityBytes });
  await collect(engine, ruledRequest(regex("[ab]{3}Z")));
  const first = engine.memory().rules.bytes;
  assert.ok(first > 1000);
  let largest = 0;
  for (let i = 1; i <= 40; i++) {
    await collect(engine, ruledRequest(regex(`[a-f]{${i}}([A-F]{2}|x{${i}})`), { seed: i, maxTokens: 60 }));
    largest = Math.max(largest, engine.memory().rules.bytes);
  }
  assert.ok(largest > first);
  assert.ok(largest <= 1.5 * constraintCapacityBytes, `${largest}`);
  await assertAtRest(scripted);
});

test("after a sleep of either level, known rules and new ones hold", async () => {
  const scripted = scriptedEngine();
  const { engine } = scripted;
  const known = ruledRequest(regex("[ab]{3}(cd|CD){2}"), { seed: 1 });
  const before = await collect(engine, known);
  for (const level of [1, 2] as const) {
    await engine.sleep(level, { waits: false });
    await engine.wake();
    const again = await collect(engine, known);
    assert.equal(again.sequences[0]?.text, before.sequences[0]?.text);
    const fresh = await collect(engine, ruledRequest(regex(`[x-z]{${level + 1}}Q`), { seed: level }));
    assert.match(fresh.sequences[0]?.text ?? "", /^[xyz]{2,3}Q$/);
  }
  await assertAtRest(scripted);
});
