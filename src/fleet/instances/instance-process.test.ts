import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { identify } from "../../process/process-identity.ts";
import { startInstance } from "./instance-process.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

/** Starts a second process that waits, and prints its id. */
const parent = (environment: string, options: string): string => `
  const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"],
    { env: ${environment}, stdio: "ignore", ${options} });
  console.log("child " + child.pid);
  setInterval(() => {}, 1000);`;

for (const [name, environment, options] of [
  ["lost its tag, as vLLM's engine core does when it sets its title", "{}", ""],
  ["left the session", "process.env", "detached: true"],
] as const)
  test(`a process of the tree that ${name} is found after its parent was killed, and ended`, {
    skip,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "pagoda-instance-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const instance = await startInstance(
      { command: process.execPath, args: ["-e", parent(environment, options)], environment: {} },
      join(folder, "log"),
      `test-${process.pid}-${name.length}`,
    );
    t.after(() => instance.sweep());
    let childPid = 0;
    while (childPid === 0) {
      childPid = Number(/child (\d+)/.exec(instance.output())?.[1] ?? 0);
      await new Promise((wake) => setTimeout(wake, 10));
    }
    process.kill(instance.identity.pid, "SIGKILL");
    await instance.ended;
    assert.deepEqual(
      instance.members().map(({ pid }) => pid),
      [childPid],
    );
    assert.deepEqual(await instance.sweep(), []);
    assert.equal(identify(childPid), null);
  });
