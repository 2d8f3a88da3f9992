import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { tinyFolder } from "../testing/fixtures.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { type DownloadProgress, ProgressMeter } from "./download/progress-meter.ts";
import { namesModel, parseModelName } from "./settings/model-name.ts";
import { sourceSettingsFrom } from "./settings/source-settings.ts";

test("names: folders and files first, then hub ids with revision and tag", (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "m.gguf");
  writeFileSync(path, "");
  assert.deepEqual(parseModelName(path), { kind: "local", model: { kind: "gguf", path }, modelId: "m" });
  const tiny = tinyFolder("phi3");
  assert.deepEqual(parseModelName(`${tiny}/`), {
    kind: "local",
    model: { kind: "hf", path: `${tiny}/` },
    modelId: "phi3",
  });
  const modelId = "org/name.v2";
  const hub = { kind: "hub", repoId: "org/name.v2", revision: "main", fileTag: null, modelId };
  assert.deepEqual(parseModelName("org/name.v2"), hub);
  const q4 = { fileTag: "Q4_K_M", modelId: `${modelId}:Q4_K_M` };
  assert.deepEqual(parseModelName("org/name.v2:Q4_K_M"), { ...hub, ...q4 });
  const q8 = { revision: "dev", fileTag: "Q8_0", modelId: `${modelId}:Q8_0` };
  assert.deepEqual(parseModelName("org/name.v2@dev:Q8_0"), { ...hub, ...q8 });
  assert.deepEqual(parseModelName("smollm2-135m-instruct"), { kind: "default" });
  for (const name of ["./missing", "/missing/model", "missing.gguf", "a/b/c", "just-a-word", "../up/x"])
    assert.throws(() => parseModelName(name), /^PagodaError: The folder \//, name);
});

test("a model out of the hub's cache has the repository's name", (t) => {
  const snapshot = join(temporaryFolder(t), "models--org--name-1.5", "snapshots", "0123abcd");
  mkdirSync(snapshot, { recursive: true });
  const parsed = parseModelName(snapshot);
  assert.equal(parsed.kind === "local" && parsed.modelId, "org/name-1.5");
});

test("what is not there: the folder that was looked in, and what is near in it", (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "tiny-model.Q4_1.gguf"), "");
  mkdirSync(join(folder, "tiny-folder"));
  writeFileSync(join(folder, "tiny-folder", "config.json"), "{}");
  const refusal = (name: string): PagodaError => {
    try {
      parseModelName(name);
    } catch (thrown) {
      if (thrown instanceof PagodaError) return thrown;
    }
    return assert.fail(`${name} was found`);
  };
  const mistyped = refusal(join(folder, "tiny-modle.Q4_1.gguf"));
  assert.equal(mistyped.message, `The folder ${folder} has no tiny-modle.Q4_1.gguf.`);
  assert.equal(mistyped.hint, "The folder has tiny-model.Q4_1.gguf.");
  assert.equal(refusal(join(folder, "tiny-foldr")).hint, "The folder has tiny-folder.");
  assert.match(refusal(join(folder, "other.gguf")).hint ?? "", /^Name a folder in Hugging Face layout/);
  const nowhere = join(folder, "no", "m.gguf");
  assert.equal(
    refusal(nowhere).message,
    `The folder ${join(folder, "no")} does not exist, so ${nowhere} was not found.`,
  );
});

test("a model is told from a prompt", (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "config.json"), "{}");
  for (const model of [folder, "./x", "../x", "/a/b", "~/m", "m.gguf", "org/name", "SmolLM2-135M-Instruct"])
    assert.ok(namesModel(model), model);
  for (const prompt of [
    "Hello",
    "What is a pagoda?",
    "... and then?",
    "/ is a slash",
    "either / or",
    "a\nb/c",
  ])
    assert.ok(!namesModel(prompt), prompt);
});

test("the environment decides where models come from", (t) => {
  const home = temporaryFolder(t);
  const bare = sourceSettingsFrom({ XDG_CACHE_HOME: home });
  assert.equal(bare.hubCacheFolder, join(home, "huggingface", "hub"));
  assert.equal(bare.ownCacheFolder, join(home, "pagoda"));
  assert.ok(bare.mayAskHub && bare.mayAskPip && bare.hubToken === null);
  mkdirSync(join(home, "hf"));
  writeFileSync(join(home, "hf", "token"), "secret\n");
  const set = sourceSettingsFrom({
    HF_HOME: join(home, "hf"),
    HF_ENDPOINT: "http://mirror/",
    PAGODA_CACHE: "/c",
    HF_HUB_OFFLINE: "TRUE",
  });
  assert.equal(set.hubEndpoint, "http://mirror");
  assert.equal(set.hubToken, "secret");
  assert.equal(set.ownCacheFolder, "/c");
  assert.deepEqual([set.mayAskHub, set.mayAskPip], [false, true]);
  const offline = sourceSettingsFrom({ PAGODA_OFFLINE: "1", HF_TOKEN: "own", HF_HOME: join(home, "hf") });
  assert.deepEqual([offline.mayAskHub, offline.mayAskPip, offline.hubToken], [false, false, "own"]);
});

test("progress: rate over the last seconds, time left, and a report at the end", () => {
  let nowMs = 0;
  const reports: DownloadProgress[] = [];
  const meter = new ProgressMeter(
    "x",
    10_000,
    (report) => reports.push(report),
    () => nowMs,
  );
  meter.restartFrom(2_000); // of an earlier attempt: done, but no rate
  assert.deepEqual(
    [reports[0]?.doneBytes, reports[0]?.bytesPerSecond, reports[0]?.remainingMs],
    [2_000, 0, null],
  );
  nowMs = 1_000;
  meter.add(1_000);
  assert.deepEqual([reports[1]?.bytesPerSecond, reports[1]?.remainingMs], [1_000, 7_000]);
  nowMs = 1_001;
  meter.add(1_000); // too soon after the last report
  assert.equal(reports.length, 2);
  nowMs = 1_002;
  meter.add(6_000);
  assert.equal(reports.at(-1)?.doneBytes, 10_000);
  assert.equal(reports.at(-1)?.remainingMs, 0);
});
