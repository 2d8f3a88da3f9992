/** What happens to the models of a process, and to requests that are turned away, as events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModelState } from "../../../core/endpoint.ts";
import { ScriptedService } from "../../testing/scripted-service.ts";
import { testApp } from "../../testing/test-app.ts";
import { EventLog } from "./event-log.ts";
import { ModelEvents } from "./model-events.ts";
import { RepeatedEvents } from "./repeated-events.ts";

function watched() {
  const clock = { nowMs: 0 };
  const log = new EventLog(() => clock.nowMs);
  const repeated = new RepeatedEvents(log, () => clock.nowMs);
  const models = new ModelEvents(log, repeated);
  const told = () => log.events.map(({ kind, message }) => `${kind}: ${message}`);
  return { clock, repeated, models, told };
}

test("a model is started, ready, drained and died, each once and with its reason", () => {
  const { models, told } = watched();
  const service = new ScriptedService({ text: "" });
  const look = (state: ModelState): void =>
    models.look("m-0", { name: "m", state, service: state === "loading" ? null : service });
  for (const state of ["loading", "loading", "ready", "ready", "draining"] as const) look(state);
  service.failureReason = "the kernels trapped.";
  look("failed");
  assert.deepEqual(told(), [
    "started: m is loading.",
    "ready: m is ready.",
    "drained: m is draining.",
    "died: m is failed: the kernels trapped.",
  ]);
});

test("preemptions are told at once, and then together every ten seconds", () => {
  const { clock, repeated, models, told } = watched();
  const service = new ScriptedService({ text: "" });
  const look = (numPreemptions: number): void => {
    const stats = { ...service.stats(), numPreemptions };
    models.look("m-0", {
      name: "m",
      state: "ready",
      service: Object.assign(Object.create(service), { stats: () => stats }),
    });
    repeated.look();
  };
  look(5);
  look(6);
  for (let second = 1; second < 10; second++) {
    clock.nowMs = 1000 * second;
    look(6 + second);
  }
  assert.deepEqual(told().slice(1), ["preempted: m preempted a sequence for want of KV blocks."]);
  clock.nowMs = 10_000;
  look(15);
  assert.deepEqual(told().slice(2), ["preempted: m preempted 9 sequences for want of KV blocks."]);
});

test("a server says at once that its model is there, and a second sample does not repeat it", () => {
  const { observatory } = testApp({ text: "a" });
  const stop = observatory.start();
  observatory.sample();
  stop();
  assert.deepEqual(
    observatory.events.events.map(({ kind, instanceId }) => [kind, instanceId]),
    [["ready", "scripted-0"]],
  );
});

test("a request that a draining server turns away is an event, one that is wrong is not", async () => {
  const { app, servedModels, observatory } = testApp({ text: "a" });
  const ask = (payload: object) => app.inject({ method: "POST", url: "/v1/completions", payload });
  assert.equal((await ask({ prompt: 1.5 })).statusCode, 400);
  servedModels.drain();
  assert.equal((await app.inject("/health")).statusCode, 503);
  assert.equal((await ask({ prompt: "a" })).statusCode, 503);
  assert.deepEqual(
    observatory.events.events.map(({ kind, details }) => [kind, details.cause]),
    [["refused", "not_ready"]],
  );
});
