import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";

const here = JSON.stringify(import.meta.resolve("./"));

/** A bench that has two servers, one of which does not heed SIGTERM, and waits. Prints their process ids. */
const bench = `
  const { startServer } = await import(${here} + "server-process.ts");
  const { endWithSignals } = await import(${here} + "started-processes.ts");
  endWithSignals(3_600_000); // longer than any test: only a second signal can end the deaf one
  const answer = "{ data: [{ id: 'any' }] }";
  // Whatever becomes of the bench, its servers notice and end.
  const leave = "const bench = process.ppid; setInterval(() => process.ppid === bench || process.exit(), 100);";
  const server = (name, first) => ({
    name,
    command: process.execPath,
    args: (port) => ["-e", first + leave + "require('node:http').createServer((_, r) => r.end(JSON.stringify(" + answer + "))).listen(" + port + ", '127.0.0.1')"],
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

/** What the bench prints next; rejects if it ends instead. */
async function nextOutput(child: ChildProcessWithoutNullStreams): Promise<string> {
  let complaints = "";
  child.stderr.on("data", (piece) => {
    complaints += String(piece);
  });
  const ended = once(child, "exit").then(() => Promise.reject(new TypeError(`it ended: ${complaints}`)));
  return String((await Promise.race([once(child.stdout, "data"), ended]))[0]);
}

for (const [signal, exitCode] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  test(`${signal} ends a bench, its servers and any that it starts yet; a second one those that do not listen`, async (t) => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", bench]);
    t.after(() => child.kill("SIGKILL"));
    const [heeding = 0, deaf = 0] = (await nextOutput(child)).trim().split(" ").map(Number);
    assert.deepEqual([heeding, deaf].map(isRunning), [true, true]);
    child.kill(signal);
    while (isRunning(heeding)) await new Promise((wake) => setTimeout(wake, 5));
    assert.ok(isRunning(deaf));
    child.kill("SIGUSR2");
    assert.match(await nextOutput(child), /late did not become ready: SIGKILL/);
    const exited = once(child, "exit");
    child.kill(signal);
    assert.deepEqual(await exited, [exitCode, null]);
    assert.ok(!isRunning(deaf));
  });
