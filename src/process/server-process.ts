/** @module A server under test as a child process: started, waited for, measured, ended by its own id. */
import type { ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import { PagodaError } from "../core/errors.ts";
import { cpuSeconds, peakResidentBytes } from "./process-tree.ts";
import { endProcess, killProcess, startProcess } from "./started-processes.ts";

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  /** Arguments for the port that was found free. */
  readonly args: (port: number) => readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly model: string;
  readonly readyWithinMs: number;
}

export interface RunningServer {
  readonly url: string;
  /** The name of its model. */
  readonly model: string;
  readonly name: string;
  readonly pid: number;
  readonly startMs: number;
  /**
   * Largest peak resident size (VmHWM) seen so far, bytes, over the process and all that it started; of what has ended,
   * as it was when last asked for.
   */
  peakResidentBytes(): number;
  /** Processor time used so far, seconds, by the process and all that it started; NaN once the process has ended. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

const answerWithinMs = 1000;

/** A port of the loopback interface that is free now. */
export function freePort(): Promise<number> {
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

/** Starts the server and waits until `/health` answers 200, and `/v1/models` by the name of the model. */
export async function startServer(server: ServerCommand): Promise<RunningServer> {
  const port = await freePort();
  const startedMs = performance.now();
  const child = startProcess(server.command, server.args(port), {
    env: { ...process.env, ...server.environment },
  });
  const output = new OutputTail(child);
  const url = `http://127.0.0.1:${port}`;
  let startMs: number;
  try {
    await untilHealthy(url, child, server, output);
    startMs = performance.now() - startedMs;
    await assertServes(url, child, server);
  } catch (error) {
    killProcess(child);
    throw error;
  }
  const pid = child.pid ?? 0;
  let peakBytes = 0;
  return {
    name: server.name,
    url,
    model: server.model,
    pid,
    startMs,
    peakResidentBytes: () => {
      const nowBytes = peakResidentBytes(pid);
      if (nowBytes > peakBytes) peakBytes = nowBytes;
      return peakBytes;
    },
    cpuSeconds: () => cpuSeconds(pid),
    stop: () => endProcess(child),
  };
}

/** Keeps the last lines that a child wrote, for the message if it does not become ready. */
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
    if (failed !== null || hasEnded(child)) break;
    if (await answersOk(`${url}/health`)) return;
    await new Promise((wake) => setTimeout(wake, 10));
  }
  throw new PagodaError(
    "internal",
    `${server.name} did not become ready: ${failed ?? child.signalCode ?? `exit code ${child.exitCode}`}.`,
    { hint: `Look for the reason at the end of its output: "${output.text.trim()}".` },
  );
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

interface ModelList {
  readonly data?: readonly { readonly id: string }[];
}

/** Another program may have taken the port before the child did: then the child ends, or the port serves other models. */
async function assertServes(url: string, child: ChildProcess, server: ServerCommand): Promise<void> {
  const response = await fetch(`${url}/v1/models`, { signal: AbortSignal.timeout(answerWithinMs) });
  const answer = (await response.json().catch(() => ({}))) as ModelList;
  const names = answer.data?.map(({ id }) => id) ?? [];
  if (names.includes(server.model) && !hasEnded(child)) return;
  throw new PagodaError(
    "internal",
    `${url} is not ${server.name}, which ${hasEnded(child) ? "has ended" : "runs"}: its models are ${names.join(", ") || "none"}.`,
    { hint: "Another program has taken the port: start again." },
  );
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(answerWithinMs) })).ok;
  } catch {
    return false;
  }
}
