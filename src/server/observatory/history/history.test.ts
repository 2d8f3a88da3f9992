import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { historyColumns, historySchema, parseHistoryQuestion } from "../../../api/admin/observatory/index.ts";
import { PagodaError } from "../../../core/errors.ts";
import { testApp } from "../../testing/test-app.ts";
import { History } from "./history.ts";
import { HistoryFile } from "./history-file.ts";
import { HistoryRing } from "./history-ring.ts";

const row = (unixMs: number, value: number) => ({ unixMs, figures: historyColumns.map(() => value) });
const start = 1_000_000 * 60_000;

test("seconds of the last 15 minutes, minutes of the last day, and no more", () => {
  const ring = new HistoryRing();
  const numSeconds = 26 * 3600;
  for (let i = 0; i < numSeconds; i++) ring.add(row(start + 1000 * i, i));
  const nowMs = start + 1000 * (numSeconds - 1);
  const seconds = ring.between(nowMs - 15 * 60_000, nowMs, 1, nowMs);
  assert.deepEqual([seconds.length, seconds.at(-1)?.figures[0]], [900, numSeconds - 1]);
  const minutes = ring.between(nowMs - 30 * 3_600_000, nowMs, 60, nowMs);
  assert.equal(minutes.length, 1440);
  // A minute's row is the mean of its seconds.
  const first = minutes[0];
  assert.equal(first?.figures[0], (first?.unixMs ?? 0) / 1000 - start / 1000 + 29.5);
  const tens = ring.between(nowMs - 60_000, nowMs, 10, nowMs);
  assert.ok(tens.length >= 6 && tens.length <= 7);
});

test("what is not known is null, and does not spoil a mean", () => {
  const history = new History();
  history.add("a", { unixMs: start, figures: historyColumns.map((_, i) => (i === 0 ? Number.NaN : 2)) });
  history.add("a", row(start + 1000, 4));
  const question = { fromMs: start, toMs: start + 10_000, stepSeconds: 10 };
  assert.deepEqual(history.rows("a", question, start + 2000), [
    [start, 4, ...historyColumns.slice(1).map(() => 3)],
  ]);
  assert.deepEqual(history.rows("b", question, start + 2000), []);
});

test("a file keeps the minutes over a restart", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-history-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "history.db");
  const before = new History();
  before.keepIn(await HistoryFile.open(path));
  for (let i = 0; i <= 180; i++) before.add("a", row(start + 1000 * i, i));
  before.close();
  const after = new History();
  after.keepIn(await HistoryFile.open(path));
  after.add("a", row(start + 600_000, 7));
  const question = { fromMs: start, toMs: start + 600_000, stepSeconds: 60 };
  assert.deepEqual(
    after.rows("a", question, start + 600_000).map(([unixMs, value]) => [Number(unixMs) - start, value]),
    [
      [0, 29.5],
      [60_000, 89.5],
      [120_000, 149.5],
      // The minute in which it stopped has one second.
      [180_000, 180],
    ],
  );
  after.close();
});

test("a file that is no database is refused with its name", async () => {
  await assert.rejects(
    HistoryFile.open("/proc/self/status"),
    (error) => error instanceof PagodaError && /\/proc\/self\/status cannot be used/.test(error.message),
  );
});

test("questions", () => {
  const nowMs = 10_000_000;
  assert.deepEqual(parseHistoryQuestion({}, nowMs), { fromMs: 9_100_000, toMs: nowMs, stepSeconds: 1 });
  assert.deepEqual(parseHistoryQuestion({ from: "-60000", step: "5" }, nowMs), {
    ...{ fromMs: 9_940_000, toMs: nowMs, stepSeconds: 5 },
  });
  for (const [query, pattern] of [
    [{ from: "yesterday" }, /'from' must be a number/],
    [{ step: "0" }, /shortest step/],
    [{ from: "9", to: "3" }, /later than 'to'/],
    [{ from: "1", step: "1" }, /10000 rows.*2 seconds or more/],
  ] as const)
    assert.throws(
      () => parseHistoryQuestion(query, nowMs),
      (error) => error instanceof PagodaError && pattern.test(`${error.message} ${error.hint}`),
    );
});

test("GET /admin/history has a row for each second that was sampled", async () => {
  const { app, observatory } = testApp({ text: "" });
  observatory.sample();
  const { instances, columns } = historySchema.parse((await app.inject("/admin/history")).json());
  assert.deepEqual(columns, [...historyColumns]);
  const [rows] = Object.values(instances);
  assert.deepEqual([rows?.length, rows?.[0]?.[1 + columns.indexOf("numWaiting")]], [1, 2]);
});
