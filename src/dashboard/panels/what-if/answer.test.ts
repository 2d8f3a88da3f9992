import assert from "node:assert/strict";
import { test } from "node:test";
import {
  engineRules,
  findDevice,
  modelNamed,
  parseStartCommand,
  plan,
  rulesOf,
} from "../../../planner/index.ts";
import { answersTo } from "./answer.ts";
import { parameters, questionIn } from "./question.ts";

const model = "Qwen/Qwen2.5-7B-Instruct";
const onCard = { model, card: "RTX 4090" };

test("a card is answered for by every engine that runs on cards, as the planner alone would", () => {
  const { engines, running } = answersTo(questionIn(onCard), null);
  const forCards = engineRules.filter(({ runsOn }) => runsOn === "cards").map(({ id }) => id);
  assert.deepEqual(
    engines.map(({ engine }) => engine),
    forCards,
  );
  assert.ok(forCards.length >= 2);
  assert.equal(running, null);
  for (const { engine, plan: planned } of engines) {
    const request = { model: modelNamed(model), device: findDevice("RTX 4090"), usedBytes: 0, engine };
    assert.deepEqual(planned, plan({ ...request, version: null, flags: {}, usage: "serve" }));
  }
});

test("sliders reach each engine as its own flags", () => {
  const set = {
    "of-total": "0.8",
    "of-free": "0.7",
    length: "4096",
    seats: "24",
    "step-tokens": "2048",
    block: "32",
    kv: "int8",
    tp: "2",
  };
  for (const { engine, plan: planned } of answersTo(questionIn({ ...onCard, ...set }), null).engines) {
    const { roles } = rulesOf(engine);
    const { flags } = parseStartCommand(planned?.command.join(" ") ?? "");
    assert.equal(flags[roles.length], "4096", engine);
    assert.equal(flags[roles.sequences], "24", engine);
    assert.equal(flags[roles.tokens], "2048", engine);
    assert.equal(flags[roles.blockSize ?? ""], "32", engine);
    assert.equal(flags[roles.ranks ?? ""], "2", engine);
    assert.ok(["0.8", "0.7"].includes(String(flags[roles.share ?? ""])), engine);
    assert.notEqual(flags[roles.kvFormat], undefined, engine);
  }
});

test("users are bounded by seats or by the pool, and replicas are counted", () => {
  const few = answersTo(questionIn({ ...onCard, seats: "2", context: "512" }), null).engines[0]?.users;
  assert.deepEqual([few?.numUsers, few?.limit], [2, "seats"]);
  const many = answersTo(questionIn({ ...onCard, seats: "1024", context: "16384" }), null).engines[0];
  const tokens = many?.plan?.kv?.numTokens.expected ?? 0;
  assert.deepEqual([many?.users?.numUsers, many?.users?.limit], [Math.floor(tokens / 16384), "kv"]);
  assert.equal(many?.replicas, null);
  const [copies] = answersTo(questionIn({ ...onCard, replicas: "3", "of-total": "0.3" }), null).engines;
  assert.ok((copies?.replicas?.instances.length ?? 0) > 0);
});

test("what the planner refuses is an answer with a hint, and an odd address is read as no question", () => {
  const [first] = answersTo(questionIn({ ...onCard, kv: "nonsense" }), null).engines;
  assert.equal(first?.plan, null);
  assert.match(first?.refusal?.message ?? "", /nonsense/);
  const odd = questionIn({
    length: "-3",
    seats: "many",
    budget: "gold",
    "of-total": "7",
    used: "-1",
    tp: "1.5",
  });
  assert.ok(Object.values(odd).every((value) => value === null));
  assert.deepEqual(Object.keys(odd).sort(), Object.keys(parameters).sort());
});
