/** @module The processes that a bench has started and that still run: none of them outlives it. */
import type { ChildProcess } from "node:child_process";

/** A server gets so long to finish, then it is ended. */
const graceMs = 10_000;
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

const running = new Set<ChildProcess>();
let isEnding = false;

/** From now on the process is ended with the bench: at once, if that is ending already. */
export function keepTrackOf(child: ChildProcess): void {
  if (isEnding) child.kill("SIGKILL");
  running.add(child);
  const forget = (): unknown => running.delete(child);
  child.once("exit", forget);
  // One that could not be started has no exit.
  child.once("error", forget);
}

export function endProcess(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (!running.has(child)) return resolve();
    const force = setTimeout(() => child.kill("SIGKILL"), graceMs);
    child.once("exit", () => {
      clearTimeout(force);
      resolve();
    });
    child.kill("SIGTERM");
  });
}

/** On Ctrl-C and SIGTERM: ends all that was started, then leaves. A second signal does not wait. */
export function endWithSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      if (isEnding) for (const child of running) child.kill("SIGKILL");
      isEnding = true;
      void Promise.all([...running].map(endProcess)).then(() => process.exit(exitCodes[signal]));
    });
}
