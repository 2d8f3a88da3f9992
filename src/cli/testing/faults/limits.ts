/** @module Servers whose surroundings run out: descriptors, room for the log, memory of the cgroup; and a clock that goes back. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type Owner, PagodaProcess, tinyModel } from "../pagoda-process.ts";
import { type FaultOutcome, runningStreams, streamed } from "./fault-trial.ts";

const mib = 2 ** 20;
const server = (...flags: readonly string[]): string[] => ["serve", tinyModel, "--port", "0", ...flags];
const answer = { prompt: [5, 6, 7], max_tokens: 20 };
const mostTries = 200;
const betweenTriesMs = 50;

/** Retried as clients do; false: it never came. */
async function isServed(url: string): Promise<boolean> {
  for (let attempt = 0; attempt < mostTries; attempt++) {
    if ((await streamed(url, answer)).finishReason === "length") return true;
    await pause(betweenTriesMs);
  }
  return false;
}

/** More connections than the process may have descriptors: it stays, and serves when they have gone. */
export async function fewDescriptors(owner: Owner, times: number): Promise<FaultOutcome> {
  const mostDescriptors = 96;
  // The shell sets the limit and replaces itself.
  const pagoda = new PagodaProcess(
    owner,
    server("--threads", "1", "--memory", "320MiB", "--log-level", "error"),
    {},
    null,
    mostDescriptors,
  );
  const url = await pagoda.ready();
  let numServed = 0;
  for (let time = 0; time < times; time++) {
    const sockets = await openConnections(Number(new URL(url).port), 4 * mostDescriptors);
    for (const socket of sockets) socket.destroy();
    if (await isServed(url)) numServed++;
  }
  pagoda.child.kill("SIGTERM");
  const code = await pagoda.exited;
  return {
    passed: numServed === times && code === 0,
    seen: `${times} × ${4 * mostDescriptors} connections to a process with ${mostDescriptors} descriptors: it served again ${numServed} times, exit code ${code}`,
  };
}

async function openConnections(port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, "127.0.0.1"));
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((done) => {
          socket.once("connect", () => done());
          socket.once("error", () => done());
        }),
    ),
  );
  return sockets;
}

/** A log file on a full disk (`/dev/full` answers every write like one): requests are answered, and the end is in order. */
export async function fullLogDisk(owner: Owner, times: number): Promise<FaultOutcome> {
  const pagoda = new PagodaProcess(
    owner,
    server("--threads", "1", "--memory", "320MiB", "--log-level", "debug"),
    {},
    "/dev/full",
  );
  const url = await pagoda.ready();
  let numServed = 0;
  for (let time = 0; time < times; time++) if (await isServed(url)) numServed++;
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const [, dropped = "0"] = /^pagoda:log_lines_dropped_total(?:\{.*\})? (\d+)/m.exec(metrics) ?? [];
  pagoda.child.kill("SIGTERM");
  const code = await pagoda.exited;
  return {
    passed: numServed === times && Number(dropped) > 0 && code === 0,
    seen: `${numServed} of ${times} requests were served with a log that cannot be written, ${dropped} lines were dropped and counted, exit code ${code}`,
  };
}

/** Loaded into the server before its own code: each SIGUSR2 sets the wall clock back by an hour. */
const clockSetter = `
  const { now } = Date; let backMs = 0;
  Date.now = () => now() - backMs;
  process.on("SIGUSR2", () => { backMs += 3_600_000; });`;

/** Streams go on, later requests are served, and no time in the metrics is negative. */
export async function clockSetBack(owner: Owner, times: number): Promise<FaultOutcome> {
  const pagoda = new PagodaProcess(
    owner,
    server("--threads", "1", "--memory", "320MiB", "--log-level", "error"),
    { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(clockSetter)}` },
  );
  const url = await pagoda.ready();
  let numWhole = 0;
  for (let time = 0; time < times; time++) {
    const streams = await runningStreams(url, 4, () => ({ ...answer, max_tokens: 200 }));
    pagoda.child.kill("SIGUSR2");
    numWhole += (await Promise.all(streams)).filter(({ finishReason }) => finishReason === "length").length;
  }
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const negative = metrics.split("\n").filter((line) => /^[^#]\S*seconds\S* -/.test(line));
  pagoda.child.kill("SIGTERM");
  const code = await pagoda.exited;
  return {
    passed: numWhole === 4 * times && negative.length === 0 && code === 0,
    seen: `the clock was set back by an hour ${times} times under load: ${numWhole} of ${4 * times} streams came whole, ${negative.length} times in the metrics were negative, exit code ${code}`,
  };
}

/** Version 1, as containers on older systems have it; null: this process may not make groups. */
function memoryGroup(limitBytes: number): string | null {
  const folder = `/sys/fs/cgroup/memory/pagoda-faults-${process.pid}`;
  try {
    mkdirSync(folder);
    writeFileSync(`${folder}/memory.limit_in_bytes`, String(limitBytes));
    return folder;
  } catch {
    return null;
  }
}

/** Without `--memory` in a container of 600 MiB: the server takes its size from the limit, and is not killed under load. */
export async function containerLimit(owner: Owner, times: number): Promise<FaultOutcome> {
  const limitBytes = 600 * mib;
  const folder = memoryGroup(limitBytes);
  if (folder === null) return { passed: true, seen: "not run: no memory group can be made here" };
  // The shell enters the group and replaces itself.
  const script = `echo $$ > ${folder}/cgroup.procs && exec "$@"`;
  const child = spawn("sh", [
    ...["-c", script, "sh", process.execPath, "bin/pagoda.js"],
    ...["serve", "--port", "0", "--log-level", "error"],
  ]);
  owner.after(async () => {
    child.kill("SIGKILL");
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  let output = "";
  child.stdout.on("data", (part) => {
    output += String(part);
  });
  while (!/ready at (\S+)\/v1/.test(output) && child.exitCode === null) await pause(betweenTriesMs);
  const [, url = ""] = /ready at (\S+)\/v1/.exec(output) ?? [];
  let numWhole = 0;
  for (let time = 0; time < times; time++) {
    const streams = await runningStreams(url, 32, (index) => ({
      prompt: Array.from({ length: 200 }, (_, i) => 100 + ((i * (index + 3)) % 400)),
      max_tokens: 24,
    }));
    numWhole += (await Promise.all(streams)).filter(({ finishReason }) => finishReason === "length").length;
  }
  const most = Number(readFileSync(`${folder}/memory.max_usage_in_bytes`, "utf8"));
  child.kill("SIGTERM");
  const code = await ended;
  await pause(betweenTriesMs);
  rmdirSync(folder);
  return {
    passed: code === 0 && numWhole === 32 * times && most <= limitBytes,
    seen: `a container of 600 MiB without --memory: ${numWhole} of ${32 * times} streams came whole, the group held at most ${Math.round(most / mib)} MiB, exit code ${code}`,
  };
}
