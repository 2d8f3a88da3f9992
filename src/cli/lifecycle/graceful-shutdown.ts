/** @module SIGTERM and Ctrl-C: refuse new requests, let running ones finish for a while, end the rest, leave. */
import type { FastifyInstance } from "fastify";
import type { ServedModels } from "../../server/models/served-models.ts";
import type { RunningRequests } from "../../server/requests/running-requests.ts";
import type { ExitCodes } from "./abortable-download.ts";

export interface StopParts {
  readonly servedModels: ServedModels;
  readonly running: RunningRequests;
  readonly graceMs: number;
  /** Tells the person at the terminal. */
  readonly say: (line: string) => void;
  /** What a second signal ends before the process leaves: processes that would outlive it. */
  readonly endNow?: () => Promise<void>;
}

export interface Stopping {
  /** Resolves with the exit code once everything is closed: 0 after SIGTERM, 130 after Ctrl-C. */
  readonly stopped: Promise<number>;
  /** What to close: the server first, then the engine behind it. */
  closeLater(app: FastifyInstance, instance: { close(): Promise<void> }): void;
}

const idleSweepMs = 20;
/** For answers that were ended to say so: the step that runs has to end first. */
const lastWordsMs = 2000;
/** A server that was told to stop has done what it was told. */
export const serverExitCodes: ExitCodes = { SIGTERM: 0, SIGINT: 130 };
type StopSignal = keyof ExitCodes;

/**
 * From now on signals end the process in order. A second signal does not wait. While the model is loaded there is nothing
 * to finish: the process leaves at once.
 */
export function onStopSignal(parts: StopParts): Stopping {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let first: StopSignal | null = null;
  let close: (() => Promise<void>) | null = null;
  const stop = (signal: StopSignal): void => {
    if (first !== null || close === null) {
      leave(serverExitCodes[signal]);
      return;
    }
    first = signal;
    close().then(() => resolve(serverExitCodes[signal]), reject);
  };
  const leave = (exitCode: number): void => {
    if (parts.endNow === undefined) process.exit(exitCode);
    void parts.endNow().finally(() => process.exit(exitCode));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  return {
    stopped: promise,
    closeLater: (app, instance) => {
      close = () => drain(parts, app).then(() => instance.close());
    },
  };
}

/** While running requests finish, new ones are told that the server is going, and it can be looked at. */
async function drain(
  { servedModels, running, graceMs, say }: StopParts,
  app: FastifyInstance,
): Promise<void> {
  servedModels.drain();
  if (running.numRunning > 0) say(waitingFor(running.numRunning, graceMs));
  await running.settled(graceMs);
  running.abortAll();
  // A client that does not send the rest of its body, or does not read its answer, would be waited for without end.
  const lastEnd = setTimeout(() => app.server.closeAllConnections(), lastWordsMs);
  // A kept-alive connection whose response ends from now on would be waited for until its client lets go.
  const sweep = setInterval(() => app.server.closeIdleConnections(), idleSweepMs);
  // Resolves when the last response has ended.
  await app.close();
  clearInterval(sweep);
  clearTimeout(lastEnd);
}

function waitingFor(numRunning: number, graceMs: number): string {
  const requests = numRunning === 1 ? "1 running request" : `${numRunning} running requests`;
  return `Waiting for ${requests}, at most ${graceMs / 1000} s; a second signal ends them at once.`;
}
