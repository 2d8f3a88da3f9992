/** @module SIGTERM and Ctrl-C: stop accepting, let running requests finish for a while, end the rest, leave. */
import type { FastifyInstance } from "fastify";
import type { RunningRequests } from "../server/running-requests.ts";
import type { ServiceSlot } from "../server/service-slot.ts";

export interface StopParts {
  readonly app: FastifyInstance;
  readonly slot: ServiceSlot;
  readonly running: RunningRequests;
  readonly graceMs: number;
}

export interface Stopping {
  /** Resolves with the exit code once everything is closed: 0 after SIGTERM, 130 after Ctrl-C. */
  readonly stopped: Promise<number>;
  closeAlso(instance: { close(): Promise<void> }): void;
}

const idleSweepMs = 20;
const exitCodes = { SIGTERM: 0, SIGINT: 130 } as const;
type StopSignal = keyof typeof exitCodes;

/** A second signal does not wait. While the model still loads there is nothing to finish: the process leaves at once. */
export function onStopSignal(parts: StopParts): Stopping {
  const instances: { close(): Promise<void> }[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let first: StopSignal | null = null;
  const stop = (signal: StopSignal): void => {
    if (first !== null || parts.slot.peek() === null) process.exit(exitCodes[signal]);
    first = signal;
    drain(parts)
      .then(() => Promise.all(instances.map((instance) => instance.close())))
      .then(() => resolve(exitCodes[signal]), reject);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  return { stopped: promise, closeAlso: (instance) => instances.push(instance) };
}

async function drain({ app, slot, running, graceMs }: StopParts): Promise<void> {
  slot.drain();
  const graceEnd = setTimeout(() => running.abortAll(), graceMs);
  // A kept-alive connection whose response ends from now on would be waited for until its client lets go.
  const sweep = setInterval(() => app.server.closeIdleConnections(), idleSweepMs);
  // Resolves when the last response has ended.
  await app.close();
  clearInterval(sweep);
  clearTimeout(graceEnd);
}
