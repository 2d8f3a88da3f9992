import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TuningRun } from "../../api/admin/observatory/index.ts";
import { keepTuningRun, tuningRuns } from "./tuning-runs.ts";

const run = (createdAt: string): TuningRun => ({
  ...{ createdAt, engine: "pagoda", model: "m", command: "pagoda tune", goalText: "most tokens/s" },
  ...{ verdict: "Nothing is better.", serveCommand: "pagoda serve", metrics: ["tokens/s", "p99-ttft"] },
  ...{ limits: [null, 500], points: [{ flags: "", kind: "present", x: 1, y: 2 }], front: [{ x: 1, y: 2 }] },
});

test("the last twenty runs are kept, the newest first; other files are passed over", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-runs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const environment = { XDG_STATE_HOME: folder };
  assert.deepEqual(await tuningRuns(environment), []);
  for (let day = 1; day <= 25; day++)
    await keepTuningRun(run(`2026-01-${String(day).padStart(2, "0")}T00:00:00.000Z`), environment);
  const runs = join(folder, "pagoda/tuning");
  writeFileSync(join(runs, "2027-01-01T00-00-00-000Z.json"), "{}");
  writeFileSync(join(runs, "notes.json"), "no run");
  const kept = await tuningRuns(environment);
  assert.deepEqual([kept.length, kept[0]], [19, run("2026-01-25T00:00:00.000Z")]);
  assert.equal(readdirSync(runs).length, 22);
});
