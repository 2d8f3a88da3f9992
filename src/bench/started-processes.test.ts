import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

const here = JSON.stringify(import.meta.resolve("./"));

/** A bench that has two servers, one of which does not heed SIGTERM, and waits. Prints their process ids. */
const bench = `
  const { startServer } = await import(${here} + "server-process.ts");
  const { endWithSignals } = await import(${here} + "started-processes.ts");
  endWithSignals();
  const server = (name, first) => ({
    name,
    command: process.execPath,
    args: (port) => ["-e", first + "require('node:http').createServer((_, r) => r.end()).listen(" + port + ", '127.0.0.1')"],
    model: "any",
    readyWithinMs: 30_000,
  });
  const heeding = await startServer(server("heeding", ""));
  const deaf = await startServer(server("deaf", "process.on('SIGTERM', () => {});"));
  console.log(heeding.pid + " " + deaf.pid);
  process.on("SIGUSR2", () => startServer(server("late", "")).catch((fault) => console.log(fault.message)));
  setInterval(() => {}, 1000);`;

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

for (const [signal, exitCode] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  test(`${signal} ends a bench, its servers and any that it starts yet; a second one those that do not listen`, async (t) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", bench]);
    t.after(() => child.kill("SIGKILL"));
    const [line] = await once(child.stdout, "data");
    const [heeding = 0, deaf = 0] = String(line).trim().split(" ").map(Number);
    assert.deepEqual([heeding, deaf].map(isRunning), [true, true]);
    child.kill(signal);
    while (isRunning(heeding)) await new Promise((wake) => setTimeout(wake, 5));
    assert.ok(isRunning(deaf));
    child.kill("SIGUSR2");
    const [complaint] = await once(child.stdout, "data");
    assert.match(String(complaint), /late did not become ready: SIGKILL/);
    child.kill(signal);
    assert.deepEqual(await once(child, "exit"), [exitCode, null]);
    assert.ok(!isRunning(deaf));
  });
