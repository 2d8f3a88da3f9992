import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { mib } from "../core/byte-size.ts";
import { cpuSeconds, killTree, peakResidentBytes } from "./process-tree.ts";
import { endProcess, startProcess } from "./started-processes.ts";

const skip = process.platform === "linux" ? false : "processes are read from /proc";

/** Fills 200 MiB, uses 0.3 s of processor time, says so; ends by itself some time after whatever starts it. */
const engine = `
  process.on("SIGTERM", () => {});
  const filled = Buffer.alloc(200 * 2 ** 20, 1);
  while (process.cpuUsage().user < 300_000);
  console.log("filled", process.pid);
  setTimeout(() => filled, 120_000);`;
/** Starts the engine through a process between, as a server does that runs its engine apart. */
const between = `
  require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(engine)}], { stdio: "inherit" });`;
const server = `
  require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(between)}], { stdio: "inherit" });
  setTimeout(() => {}, 120_000);`;

/** Process id of the engine, once it has filled its memory. */
async function enginePid(child: ChildProcess): Promise<number> {
  assert.ok(child.stdout !== null);
  const [line] = await once(child.stdout, "data");
  return Number(String(line).split(" ")[1]);
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Resolves when it has ended; what ends nothing makes the test time out. */
async function ended(t: TestContext, pid: number): Promise<void> {
  while (isRunning(pid)) await new Promise((wake) => setTimeout(wake, 5));
  t.diagnostic(`${pid} has ended`);
}

test("memory and processor time are those of the process and of all that it started", { skip }, async (t) => {
  const child = spawn(process.execPath, ["-e", server]);
  const pid = child.pid ?? 0;
  t.after(() => killTree(pid));
  const inner = await enginePid(child);
  assert.notEqual(inner, pid);
  assert.ok(peakResidentBytes(pid) > 200 * mib + 2 * 20 * mib, `${peakResidentBytes(pid)} bytes`);
  assert.ok(cpuSeconds(pid) >= 0.3, `${cpuSeconds(pid)} s`);
  const exited = once(child, "exit");
  killTree(pid);
  await exited;
  await ended(t, inner);
  assert.deepEqual([peakResidentBytes(pid), cpuSeconds(pid)], [Number.NaN, Number.NaN]);
});

test("what a server has started ends with it, though it does not heed SIGTERM", { skip }, async (t) => {
  const child = startProcess(process.execPath, ["-e", server], {});
  t.after(() => killTree(child.pid ?? 0));
  const inner = await enginePid(child);
  await endProcess(child);
  await ended(t, inner);
});

test("another's process is no tree of ours", { skip }, () => {
  assert.ok(Number.isNaN(peakResidentBytes(process.ppid)));
});
