/** @module Sends the requests of a load at their times. */
import type { Traffic, TrafficRequest } from "../traffic/traffic.ts";

/** Sends each request when it has arrived and a user is free; resolves when all have ended. */
export async function inOrderOfArrival(
  traffic: Traffic,
  startedMs: number,
  signal: AbortSignal,
  send: (request: TrafficRequest, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const user = async (): Promise<void> => {
    for (let index = next++; index < traffic.requests.length && !signal.aborted; index = next++) {
      const request = traffic.requests[index] as TrafficRequest;
      await until(startedMs + request.arrivesMs, signal);
      if (!signal.aborted) await send(request, index);
    }
  };
  const numUsers = Math.min(traffic.numUsers ?? traffic.requests.length, traffic.requests.length);
  await Promise.all(Array.from({ length: numUsers }, user));
}

function until(ms: number, signal: AbortSignal): Promise<void> | undefined {
  const waitMs = ms - performance.now();
  if (waitMs <= 0) return undefined;
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, waitMs);
    signal.addEventListener("abort", wake);
  });
}
