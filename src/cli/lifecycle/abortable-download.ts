/** @module SIGTERM and Ctrl-C during a download: it is aborted, its temporary files are removed, and the process leaves. */
import { setImmediate as nextTurn } from "node:timers/promises";

/** What a process leaves with after each signal. */
export interface ExitCodes {
  readonly SIGTERM: number;
  readonly SIGINT: number;
}

/** As a shell reports processes that the signals end. */
export const signalExitCodes: ExitCodes = { SIGTERM: 143, SIGINT: 130 };

/** Runs `fetch`, whose `stop` is aborted by a signal; the process then leaves once it has settled. A second signal does not wait. */
export async function stoppableFetch<T>(
  exitCodes: ExitCodes,
  fetch: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  let exitCode: number | null = null;
  const onSignal = (signal: keyof ExitCodes): void => {
    if (exitCode !== null) process.exit(exitCode);
    exitCode = exitCodes[signal];
    stop.abort();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  try {
    return await fetch(stop.signal);
  } finally {
    // A signal that came while the process was busy is heard in the next turn.
    await nextTurn();
    if (exitCode !== null) process.exit(exitCode);
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
  }
}
