import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { identify, isRunning, processesWith } from "./process-identity.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

test("a process is the same only with the same start, and not once it has ended", { skip }, async () => {
  const own = identify(process.pid);
  assert.ok(own !== null && isRunning(own));
  assert.ok(!isRunning({ ...own, startTicks: own.startTicks + 1 }));
  const child = spawn(process.execPath, ["-e", ""]);
  const identity = identify(child.pid ?? 0);
  assert.ok(identity !== null);
  await once(child, "exit");
  assert.ok(!isRunning(identity));
});

test("a process and what it starts are found by a tag in their environment", { skip }, async () => {
  const tag = `test-${process.pid}-${Date.now()}`;
  const grandchild =
    'require("node:child_process").spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { stdio: "ignore" })';
  const child = spawn(
    process.execPath,
    ["-e", `${grandchild}; console.log("on"); setTimeout(() => {}, 60000)`],
    {
      env: { ...process.env, PAGODA_TEST_TAG: tag },
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  await once(child.stdout, "data");
  const found = processesWith("PAGODA_TEST_TAG", tag);
  assert.equal(found.length, 2);
  assert.ok(found.some(({ pid }) => pid === child.pid));
  for (const { pid } of found) process.kill(pid, "SIGKILL");
  await once(child, "exit");
});
