/** @module A server under test as a child process: started, waited for, measured, ended by its own id. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { PagodaError } from "../core/errors.ts";
import type { CompletionTarget } from "./completion-client.ts";
import { endProcess, keepTrackOf } from "./started-processes.ts";

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  /** Arguments for the port that was found free. */
  readonly args: (port: number) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly model: string;
  readonly readyWithinMs: number;
}

export interface RunningServer extends CompletionTarget {
  readonly name: string;
  readonly pid: number;
  readonly startMs: number;
  /** Peak resident size so far (VmHWM), bytes; of a process that has ended, when it was last asked for. */
  peakResidentBytes(): number;
  /** Processor time used so far, seconds (user and system); NaN once the process has ended. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

/** A port of the loopback interface that nobody listens on now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

/** Starts the server and waits until `/health` answers 200. */
export async function startServer(server: ServerCommand): Promise<RunningServer> {
  const port = await freePort();
  const startedMs = performance.now();
  const child = spawn(server.command, server.args(port), {
    env: { ...process.env, ...server.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  keepTrackOf(child);
  const output = new OutputTail(child);
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilHealthy(url, child, server, output);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  const pid = child.pid ?? 0;
  let peakBytes = Number.NaN;
  return {
    name: server.name,
    url,
    model: server.model,
    pid,
    startMs: performance.now() - startedMs,
    peakResidentBytes: () => {
      const nowBytes = statusBytes(pid, "VmHWM");
      if (!Number.isNaN(nowBytes)) peakBytes = nowBytes;
      return peakBytes;
    },
    cpuSeconds: () => cpuSeconds(pid),
    stop: () => endProcess(child),
  };
}

/** Keeps the last lines a child wrote, for the message when it does not come up. */
class OutputTail {
  text = "";
  constructor(child: ChildProcess) {
    const keep = (piece: Buffer): void => {
      this.text = (this.text + piece.toString()).slice(-2000);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
  }
}

async function untilHealthy(
  url: string,
  child: ChildProcess,
  server: ServerCommand,
  output: OutputTail,
): Promise<void> {
  let failed: string | null = null;
  child.once("error", (error) => {
    failed = error.message;
  });
  const deadlineMs = performance.now() + server.readyWithinMs;
  while (performance.now() < deadlineMs) {
    if (failed !== null || child.exitCode !== null || child.signalCode !== null) break;
    if (await answersOk(`${url}/health`)) return;
    await new Promise((wake) => setTimeout(wake, 10));
  }
  throw new PagodaError(
    "internal",
    `${server.name} did not become ready: ${failed ?? child.signalCode ?? `exit code ${child.exitCode}`}\n${output.text}`,
  );
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

function statusBytes(pid: number, field: string): number {
  const line = processFile(pid, "status").match(new RegExp(`^${field}:\\s+(\\d+) kB`, "m"));
  return Number(line?.[1] ?? Number.NaN) * 1024;
}

/** Source: proc(5), fields 14 and 15 of /proc/pid/stat in clock ticks of 10 ms. */
function cpuSeconds(pid: number): number {
  const fields = processFile(pid, "stat").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Empty once the process has ended. */
function processFile(pid: number, name: "stat" | "status"): string {
  const path = `/proc/${pid}/${name}`;
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
