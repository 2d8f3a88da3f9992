/** @module Why threads end: the word of the one that failed, which may come after the ends of those that waited for it. */
import type { Worker } from "node:worker_threads";

export interface ThreadEvents {
  /** A thread has ended, whatever the reason: those that wait for it wait in vain. */
  onEnd(): void;
  /** Once, with the first reason that a thread gave; with undefined when all have ended without one. */
  onFailure(cause: unknown): void;
}

/** How long the reason may take once a thread has ended, where others hang and do not end. */
const reasonMs = 1000;

/** Returns how to stop listening. */
export function watchThreads(
  threads: readonly Pick<Worker, "on" | "off">[],
  { onEnd, onFailure }: ThreadEvents,
): () => void {
  let numEnded = 0;
  let hasFailed = false;
  let timer: NodeJS.Timeout | undefined;
  const fail = (cause: unknown): void => {
    clearTimeout(timer);
    if (hasFailed) return;
    hasFailed = true;
    onFailure(cause);
  };
  const onError = (cause: unknown): void => {
    fail(cause);
    onEnd();
  };
  const onExit = (): void => {
    onEnd();
    numEnded++;
    if (numEnded === threads.length) fail(undefined);
    else if (!hasFailed) timer ??= setTimeout(() => fail(undefined), reasonMs);
  };
  for (const thread of threads) thread.on("error", onError).on("exit", onExit);
  return () => {
    clearTimeout(timer);
    for (const thread of threads) thread.off("error", onError).off("exit", onExit);
  };
}
