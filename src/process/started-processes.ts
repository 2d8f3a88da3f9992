/** @module The running processes that this one has started: they and their descendants end when it ends. */
import { type ChildProcess, type SpawnOptionsWithoutStdio, spawn } from "node:child_process";
import { killTree } from "./process-tree.ts";

/** A server has this long to finish before it is killed. */
const defaultGraceMs = 10_000;
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

const running = new Set<ChildProcess>();
let isEnding = false;

/**
 * Starts a process as the leader of its own group. It and its descendants are ended with this process: at once, if this
 * one is ending already.
 */
export function startProcess(
  command: string,
  args: readonly string[],
  options: SpawnOptionsWithoutStdio,
): ChildProcess {
  const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"], detached: true });
  if (isEnding) killProcess(child);
  running.add(child);
  child.once("exit", () => {
    running.delete(child);
    killProcess(child);
  });
  // One that could not be started has no exit.
  child.once("error", () => running.delete(child));
  return child;
}

/** Kills a process and its descendants at once. */
export function killProcess({ pid }: ChildProcess): void {
  if (pid !== undefined) killTree(pid);
}

export function endProcess(child: ChildProcess, graceMs = defaultGraceMs): Promise<void> {
  return new Promise((resolve) => {
    if (!running.has(child)) return resolve();
    const force = setTimeout(() => killProcess(child), graceMs);
    child.once("exit", () => {
      clearTimeout(force);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

/**
 * On Ctrl-C, a closed terminal and SIGTERM: ends all that was started, then leaves. A second signal does not wait for
 * `graceMs`. However else the process ends, it ends what still runs.
 */
export function endWithSignals(graceMs = defaultGraceMs): void {
  process.once("exit", () => {
    for (const child of running) killProcess(child);
  });
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      if (isEnding) for (const child of running) killProcess(child);
      isEnding = true;
      const ended = [...running].map((child) => endProcess(child, graceMs));
      void Promise.all(ended).then(() => process.exit(exitCodes[signal]));
    });
}
