import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { logsSchema } from "../../../api/admin/observatory/index.ts";
import { testApp } from "../../testing/test-app.ts";
import { LogRing } from "./log-ring.ts";

function ringWith(numLines: number) {
  const passed: string[] = [];
  const ring = new LogRing({ write: (line) => passed.push(line) });
  const log = pino({ level: "debug" }, ring);
  for (let index = 1; index <= numLines; index++) log.info(`line ${index}`);
  return { passed, ring, log };
}

test("lines pass on as they are, and are read by what is known already", () => {
  const { passed, ring, log } = ringWith(3);
  log.error({ err: new Error("no room") }, "It failed.");
  assert.equal(passed.length, 4);
  assert.match(passed[0] ?? "", /^\{"level":30.*"msg":"line 1"/);
  assert.deepEqual(
    ring.after(2).map(({ lineId, level, message }) => [lineId, level, message]),
    [
      [3, "info", "line 3"],
      [4, "error", "It failed. (no room)"],
    ],
  );
  assert.deepEqual(ring.after(4), []);
  assert.deepEqual(ring.after(99), []);
});

test("the last thousand are kept, each cut to a bound", () => {
  const { ring, log } = ringWith(1500);
  assert.deepEqual([ring.after(0).length, ring.after(0)[0]?.lineId], [1000, 501]);
  assert.equal(ring.after(1499)[0]?.message, "line 1500");
  log.warn({ long: "x".repeat(10_000) }, "y".repeat(10_000));
  assert.equal(ring.after(1500)[0]?.message, "y".repeat(500));
  ring.write("plain\n");
  assert.equal(ring.after(1501)[0]?.message, "plain");
});

test("GET /admin/logs has the lines after a number; a wrong number is refused", async () => {
  const { ring } = ringWith(5);
  const { app } = testApp({ text: "a" }, { logs: ring });
  const { lines } = logsSchema.parse((await app.inject("/admin/logs?after=3")).json());
  assert.deepEqual(
    lines.map(({ message }) => message),
    ["line 4", "line 5"],
  );
  for (const wrong of ["-1", "x", "", "1.5"])
    assert.equal((await app.inject(`/admin/logs?after=${wrong}`)).statusCode, 400, wrong);
});
