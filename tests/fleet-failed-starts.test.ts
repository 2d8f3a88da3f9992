/** Starts of real engines that failed, as `npm run e2e:engines` recorded them: the cause and the change, from the log alone. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { failingCases } from "../scripts/e2e-engines/failing-cases.ts";
import { type EngineRecord, fixturesFolder } from "../scripts/e2e-engines/recording.ts";
import { slug } from "../scripts/e2e-engines/slug.ts";
import { changedStart } from "../src/fleet/drivers/contract/changed-start.ts";
import type { EngineStart } from "../src/fleet/drivers/contract/engine-start.ts";
import { driverOf } from "../src/fleet/drivers/drivers.ts";

const commands: Readonly<Record<string, readonly string[]>> = {
  vllm: ["vllm", "serve", "/opt/engines/models/smoll"],
  lmdeploy: ["lmdeploy", "serve", "api_server", "/opt/engines/models/smoll"],
  "llama-server": ["llama-server", "-m", "/opt/engines/models/smoll.gguf"],
  pagoda: ["pagoda", "serve", "/opt/engines/models/smoll.gguf"],
};

function startOf(engine: string, flags: readonly string[]): EngineStart {
  return {
    words: [...(commands[engine] ?? []), ...flags],
    servedName: "smol",
    maxModelLen: 2048,
    seats: 8,
    version: null,
    deviceIds: [],
    drainMs: 1000,
    environment: {},
    explainWith: null,
  };
}

for (const [engine, cases] of Object.entries(failingCases)) {
  const { trials } = JSON.parse(
    readFileSync(`${fixturesFolder}${engine}/failing.trials.json`, "utf8"),
  ) as EngineRecord;
  for (const { name, flags, missing } of cases) {
    test(`${engine}, ${name}: the recorded output names ${missing} and the change that then started`, () => {
      const trial = trials.find((known) => known.name === name);
      assert.ok(trial !== undefined, "The run of the real engine has no such trial.");
      const output = readFileSync(`${fixturesFolder}${engine}/failing/${slug(name)}.txt`, "utf8");
      assert.ok(output.trim() !== "");
      const start = startOf(engine, flags);
      const driver = driverOf(engine, start);
      const exitCode = /error: /.test(output.slice(-600)) ? 2 : 1;
      const end = { exitCode, signal: null, lastOutput: output, isAsked: false };
      const failed = driver.explain(end);
      assert.equal(failed.missing, missing);
      assert.equal(driver.endKind(end), "configuration");
      // The folder in which the right name of a model is looked for is not here.
      if (missing === "model" && failed.changes.length === 0) return;
      const [change] = failed.changes;
      assert.ok(change !== undefined);
      const told = [...change.flags, ...(change.model === undefined ? [] : [change.model.to])].join(", ");
      if (trial.passed)
        assert.ok(trial.seen.includes(`→ ${told} → ready`), `${told} is not in: ${trial.seen}`);
      assert.notDeepEqual(changedStart(start, change).words, start.words);
    });
  }
}

test("every recorded trial of a start that fails has its output, and every output its trial", () => {
  for (const engine of Object.keys(failingCases)) {
    const text = readFileSync(`${fixturesFolder}${engine}/failing.trials.json`, "utf8");
    const { trials } = JSON.parse(text) as EngineRecord;
    const files = readdirSync(`${fixturesFolder}${engine}/failing`);
    assert.deepEqual(files.toSorted(), trials.map(({ name }) => `${slug(name)}.txt`).toSorted(), engine);
  }
});

test("at least nine of ten starts that failed were explained, changed and then started, of vLLM and of ours", () => {
  for (const engine of ["vllm", "pagoda"]) {
    const text = readFileSync(`${fixturesFolder}${engine}/failing.trials.json`, "utf8");
    const { trials } = JSON.parse(text) as EngineRecord;
    assert.ok(trials.length >= 10, `${engine}: ${trials.length}`);
    assert.ok(trials.filter(({ passed }) => passed).length >= 0.9 * trials.length, engine);
  }
});
