/** @module Waits for the compute threads while they load: all must become ready, and one failure fails all. */
import type { Worker } from "node:worker_threads";
import { PagodaError } from "../../core/errors.ts";
import { watchThreads } from "./run/thread-watch.ts";
import type { RefusedLoad, WorkerMessage } from "./worker-messages.ts";

export type LoadingThread = Pick<Worker, "on" | "off" | "terminate">;

/**
 * Resolves with the name of the kernel set once every thread is ready. If a thread fails, even one that was already ready, all
 * are terminated and the promise rejects. `onLoaded` receives the weight bytes that were loaded since its last call.
 */
export async function allReady(
  threads: readonly LoadingThread[],
  onLoaded: (numBytes: number) => void,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let numReady = 0;
  const hear = (message: WorkerMessage): void => {
    if (message.kind === "loaded") onLoaded(message.numBytes);
    else if (message.kind === "refused") reject(refusalError(message.refusal));
    else if (++numReady === threads.length) resolve(message.kernelSetName);
  };
  for (const thread of threads) thread.on("message", hear);
  const stopWatching = watchThreads(threads, {
    onEnd: () => undefined,
    onFailure: (cause) =>
      reject(
        cause ??
          new PagodaError("engine_failed", "A compute thread ended while it loaded weights.", {
            hint: "Start the instance again.",
          }),
      ),
  });
  try {
    return await promise;
  } catch (cause) {
    await Promise.all(threads.map((thread) => thread.terminate()));
    throw cause;
  } finally {
    stopWatching();
    for (const thread of threads) thread.off("message", hear);
  }
}

function refusalError({ code, message, hint }: RefusedLoad): PagodaError {
  return new PagodaError(code, message, { hint });
}
