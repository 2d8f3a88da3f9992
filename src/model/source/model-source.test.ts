import assert from "node:assert/strict";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tinyFolder } from "../testing/fixtures.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { withLock } from "./lock-file.ts";
import { parseModelName } from "./model-name.ts";
import { type DownloadProgress, ProgressMeter } from "./progress-meter.ts";
import { sourceSettingsFrom } from "./source-settings.ts";

test("names: folders and files first, then hub ids with revision and tag", (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "m.gguf");
  writeFileSync(path, "");
  assert.deepEqual(parseModelName(path), { kind: "local", model: { kind: "gguf", path } });
  const tiny = tinyFolder("phi3");
  assert.deepEqual(parseModelName(tiny), { kind: "local", model: { kind: "hf", path: tiny } });
  const hub = { kind: "hub", repoId: "org/name.v2", revision: "main", fileTag: null };
  assert.deepEqual(parseModelName("org/name.v2"), hub);
  assert.deepEqual(parseModelName("org/name.v2:Q4_K_M"), { ...hub, fileTag: "Q4_K_M" });
  assert.deepEqual(parseModelName("org/name.v2@dev:Q8_0"), { ...hub, revision: "dev", fileTag: "Q8_0" });
  for (const name of ["./missing", "/missing/model", "missing.gguf", "a/b/c", "just-a-word", "../up/x"])
    assert.throws(() => parseModelName(name), /there is no model at/, name);
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

test("a lock is exclusive, and that of a process that died is taken over", async (t) => {
  const path = join(temporaryFolder(t), "a", "lock");
  const events: string[] = [];
  const hold = (name: string) =>
    withLock(path, async () => {
      events.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      events.push(`${name} out`);
    });
  await Promise.all([hold("first"), hold("second")]);
  assert.deepEqual(events, ["first in", "first out", "second in", "second out"]);
  // Process ids end far below this one.
  writeFileSync(path, `999999999 ${hostname()}`);
  await hold("third");
  assert.equal(events.at(-1), "third out");
  // A process of another machine may live however its id looks here; what counts is that it no longer renews.
  writeFileSync(path, `${process.pid} elsewhere`);
  const anHourAgo = new Date(Date.now() - 3_600_000);
  utimesSync(path, anHourAgo, anHourAgo);
  await hold("fourth");
  assert.equal(events.at(-1), "fourth out");
});
