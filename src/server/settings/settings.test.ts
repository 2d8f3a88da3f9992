/** /admin/settings and /v1/runtime_config of the real application. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parseSettingsChange,
  settingsAnswerSchema,
  snapshotSchema,
} from "../../api/admin/observatory/index.ts";
import { ServedModels } from "../models/served-models.ts";
import { Observatory } from "../observatory/observatory.ts";
import { ScriptedService } from "../testing/scripted-service.ts";
import { testApp } from "../testing/test-app.ts";

function started() {
  const parts = testApp({ text: "abc" });
  const patch = async (payload: object, url = "/admin/settings") => {
    const answer = await parts.app.inject({ method: "PATCH", url, payload });
    return { status: answer.statusCode, body: answer.json() };
  };
  return { ...parts, patch };
}

test("a change is applied, numbered, told as an event, and reverted", async () => {
  const { app, service, patch } = started();
  const first = await patch({ maxNumSeqs: 2, max_step_ms: 50, logLevel: "warn" });
  const answer = settingsAnswerSchema.parse(first.body);
  assert.deepEqual(
    [answer.revision, answer.state, answer.logLevel, service.live.maxNumSeqs, service.live.maxStepMs],
    [1, "applied", "warn", 2, 50],
  );
  await patch({ "max-num-batched-tokens": 8, by: "a tuner" });
  const reverted = await app.inject({ method: "POST", url: "/admin/settings/revert" });
  assert.equal(settingsAnswerSchema.parse(reverted.json()).revision, 3);
  assert.deepEqual([service.live.maxNumSeqs, service.live.maxNumBatchedTokens], [2, 16]);
  await app.inject({ method: "POST", url: "/admin/settings/revert" });
  assert.deepEqual([service.live.maxNumSeqs, service.live.maxStepMs], [4, 300]);
  const third = await app.inject({ method: "POST", url: "/admin/settings/revert" });
  assert.deepEqual([third.statusCode, third.json().error.code], [409, "settings_conflict"]);
  const { events } = snapshotSchema.parse((await app.inject("/admin/snapshot")).json());
  assert.deepEqual(
    events.map(({ message, by }) => [message, by]),
    [
      ["Settings 1: maxNumSeqs 4 → 2, maxStepMs 300 → 50, logLevel info → warn.", "admin 127.0.0.1"],
      ["Settings 2: maxNumBatchedTokens 16 → 8.", "a tuner"],
      ["Settings 3: maxNumBatchedTokens 8 → 16.", "admin 127.0.0.1"],
      ["Settings 4: maxNumSeqs 2 → 4, maxStepMs 50 → 300, logLevel warn → info.", "admin 127.0.0.1"],
    ],
  );
});

test("what cannot be changed is refused with both numbers, and nothing is changed", async () => {
  const { service, patch } = started();
  const before = service.live;
  const cases: [object, number, string, RegExp][] = [
    [
      { maxNumSeqs: 5 },
      400,
      "settings_beyond_allocation",
      /maxNumSeqs 5 is more than the 4 .*--max-num-seqs 5/,
    ],
    [{ maxNumBlocks: 9, logLevel: "warn" }, 400, "settings_beyond_allocation", /9 is more than the 8/],
    [{ maxNumBatchedTokens: 3 }, 409, "settings_conflict", /With maxNumBatchedTokens 3 below maxNumSeqs 4/],
    [{ maxNumSeqs: 2, revision: 7 }, 409, "settings_stale", /revision 7, and revision 0/],
    [{ routerPolicy: "round_robin" }, 409, "settings_conflict", /no router/],
    [{ maxNumSeqs: 2, instance: "other-0" }, 404, "not_found", /'other-0'.*scripted-0/],
    [{ seats: 2 }, 400, "invalid_request", /no setting 'seats'/],
    [{ maxNumSeqs: 0 }, 400, "invalid_request", /'maxNumSeqs' must be at least 1/],
    [{ max_num_seqs: "2" }, 400, "invalid_request", /'max_num_seqs' must be a whole number|a number/],
    [{ prefixCaching: 1 }, 400, "invalid_request", /'prefixCaching' must be true or false/],
    [{}, 400, "invalid_request", /names no setting/],
    [[1], 400, "invalid_request", /must be a JSON object/],
  ];
  for (const [payload, status, code, pattern] of cases) {
    const { status: got, body } = await patch(payload);
    assert.deepEqual([got, body.error?.code], [status, code], JSON.stringify(payload));
    assert.match(`${body.error.message} ${body.error.hint}`, pattern);
  }
  assert.deepEqual(service.live, before);
});

test("a revision that is in force may be stated, and an older one is stale", async () => {
  const { patch } = started();
  assert.equal((await patch({ maxNumSeqs: 2, revision: 0 })).status, 200);
  assert.equal((await patch({ maxNumSeqs: 3, revision: 0 })).body.error.code, "settings_stale");
});

test("the queue limit is a setting of the server, and requests are held to it from then on", async () => {
  const { app, patch } = started();
  const ask = () =>
    app.inject({ method: "POST", url: "/v1/completions", payload: { prompt: "a", max_tokens: 1 } });
  assert.equal((await ask()).statusCode, 200);
  // The scripted engine says that two sequences wait.
  assert.equal((await patch({ "max-queue": 2 })).body.maxQueue, 2);
  const refused = await ask();
  assert.deepEqual([refused.statusCode, refused.json().error.code], [429, "queue_full"]);
  assert.equal((await patch({ maxQueue: 3 })).status, 200);
  assert.equal((await ask()).statusCode, 200);
  await app.inject({ method: "POST", url: "/admin/settings/revert" });
  assert.equal((await ask()).statusCode, 429);
  const undone = await app.inject({ method: "POST", url: "/admin/settings/revert" });
  assert.equal(settingsAnswerSchema.parse(undone.json()).maxQueue, null);
});

test("vLLM's words: max_num_running_seqs within max_num_seqs", async () => {
  const { app, patch, service } = started();
  const { body } = await patch(
    { max_num_running_seqs: 3, enable_prefix_caching: false },
    "/v1/runtime_config",
  );
  assert.deepEqual([body.max_num_running_seqs, body.max_num_seqs, body.revision], [3, 4, 1]);
  assert.deepEqual([service.live.maxNumSeqs, service.live.prefixCaching], [3, false]);
  assert.deepEqual((await app.inject("/v1/runtime_config")).json(), body);
});

test("a change made now is judged by the minute after it", async () => {
  const service = new ScriptedService({ text: "" });
  const servedModels = new ServedModels();
  const entry = servedModels.add({ names: ["a"], acceptsAnyName: false, fingerprint: "" }, service.model);
  entry.attach(service);
  let nowMs = 0;
  const observatory = new Observatory({
    servedModels,
    version: "1",
    devices: () => [],
    log: { level: "info" },
    clock: () => nowMs,
    unixMs: () => nowMs,
  });
  const second = (numTokens: number): void => {
    nowMs += 1000;
    service.numTokensGenerated += numTokens;
    observatory.sample();
  };
  for (let i = 0; i < 70; i++) second(100);
  await observatory.settings.change(parseSettingsChange({ maxNumSeqs: 2 }), "a test");
  for (let i = 0; i < 59; i++) second(50);
  const isEffect = ({ kind }: { kind: string }): boolean => kind === "settings_effect";
  assert.equal(observatory.events.events.some(isEffect), false);
  second(50);
  const effect = observatory.events.events.at(-1);
  assert.equal(effect?.kind, "settings_effect");
  assert.deepEqual(
    [effect.details.generatedTokensPerSecondBefore, effect.details.generatedTokensPerSecondAfter],
    [100, 50],
  );
  assert.match(effect.message, /settings 1 \(maxNumSeqs 4 → 2\): generatedTokensPerSecond 100 → 50/);
});
