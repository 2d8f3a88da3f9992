/** @module Finds out why threads ended: the reason of the failed thread may arrive after the ends of threads that waited for it. */
import type { Worker } from "node:worker_threads";

export interface ThreadEvents {
  /** Called whenever a thread has ended: threads that wait for it wait in vain. */
  onEnd(): void;
  /** Called once with the first reason that a thread gave, or with undefined if all ended without one. */
  onFailure(cause: unknown): void;
}

/** How long to wait for a reason after a thread has ended, if other threads hang and do not end. */
const reasonMs = 1000;

/** @returns a function that stops watching */
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
