import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { ScriptedService } from "../testing/scripted-service.ts";
import { type ModelListing, ServedModels } from "./served-models.ts";

const listing = (...names: [string, ...string[]]): ModelListing => ({
  names,
  acceptsAnyName: false,
  fingerprint: "fp",
});
const refusal = (code: string, pattern: RegExp) => (thrown: unknown) =>
  thrown instanceof PagodaError && thrown.code === code && pattern.test(`${thrown.message} ${thrown.hint}`);

test("several models are found by any of their names, and by none where only one is served", () => {
  const models = new ServedModels();
  assert.throws(() => models.find(null), refusal("not_ready", /no model yet/));
  const first = models.add(listing("org/alpha-7b", "alpha"), null);
  assert.equal(models.find(null), first);
  assert.equal(models.find("alpha"), first);
  const second = models.add(listing("org/beta-3b"), null);
  assert.equal(models.find("org/beta-3b"), second);
  assert.throws(
    () => models.find(""),
    refusal(
      "invalid_request",
      /names no model, and 2 are served here\. Set 'model' to 'org\/alpha-7b' or 'org\/beta-3b'\./,
    ),
  );
  assert.throws(
    () => models.find("org/alpha7b"),
    refusal("model_not_found", /'org\/alpha7b' is not served here\. Use .*'org\/alpha-7b'/),
  );
  assert.throws(
    () => models.find("gpt-4"),
    refusal("model_not_found", /Use 'org\/alpha-7b', 'alpha' or 'org\/beta-3b'\./),
  );
});

test("a model that takes any name is the one for names that nobody has", () => {
  const models = new ServedModels();
  const named = models.add(listing("named"), null);
  const catchAll = models.add({ ...listing("other"), acceptsAnyName: true }, null);
  assert.equal(models.find("named"), named);
  assert.equal(models.find("gpt-4o"), catchAll);
  assert.equal(models.find(null), catchAll);
});

test("a message shows at most five names and a short piece of the one that was sent", () => {
  const models = new ServedModels();
  for (let i = 0; i < 8; i++) models.add(listing(`served-model-${i}`), null);
  assert.throws(
    () => models.find("x".repeat(50_000)),
    (thrown) =>
      thrown instanceof PagodaError &&
      /x{100}…' is not/.test(thrown.message) &&
      /or one of 3 others/.test(thrown.hint ?? ""),
  );
});

test("states: loading, ready, failed, draining, each with its own refusal", () => {
  const models = new ServedModels();
  const service = new ScriptedService({ text: "" });
  const entry = models.add(listing("m"), service.model);
  assert.equal(entry.state, "loading");
  assert.equal(entry.model?.maxModelLen, 64);
  assert.throws(() => models.requireService("m"), refusal("not_ready", /The model 'm' is still loading/));
  assert.throws(() => models.requireAnyReady(), refusal("not_ready", /loading/));
  entry.attach(service);
  assert.equal(models.requireService(), service);
  service.failureReason = "A thread died.";
  assert.throws(
    () => models.requireService(),
    refusal("engine_failed", /The engine of 'm' has stopped: A thread died\. Restart/),
  );
  service.failureReason = null;
  models.drain();
  assert.equal(entry.state, "draining");
  assert.throws(() => models.requireService("m"), refusal("not_ready", /shutting down/));
});

test("of two engines with one name the one that is ready is asked; each has an index of its own", () => {
  const models = new ServedModels();
  const entries = [models.add(listing("m"), null), models.add(listing("m"), null)];
  assert.deepEqual(
    entries.map(({ engineIndex }) => engineIndex),
    [0, 1],
  );
  entries[1]?.attach(new ScriptedService({ text: "" }));
  assert.equal(models.find("m"), entries[1]);
  assert.equal(models.find(null), entries[1]);
});
