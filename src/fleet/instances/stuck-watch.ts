/**
 * @module Whether an instance that runs still works: it answers, and it makes tokens while requests wait for them. One
 * whose processes run and that does neither is stuck, which no exit code tells.
 */

import type { EngineDriver } from "../drivers/contract/driver.ts";
import { pause } from "./pause.ts";

export interface StuckWatchParts {
  readonly driver: EngineDriver;
  readonly port: number;
  /** How long it may go without an answer, or without progress. */
  readonly stuckMs: number;
  /** Requests that the router has on their way there. */
  readonly numOpen: () => number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly signal: AbortSignal;
}

const mostAnswerMs = 5000;
const mostPauseMs = 5000;
/** While no request is open; a fleet of many that does nothing is to cost nothing. */
const mostIdlePauseMs = 15_000;

/** Resolves with the reason once it is stuck; null once the signal is aborted. */
export async function untilStuck(parts: StuckWatchParts): Promise<string | null> {
  const { driver, port, stuckMs, clock, signal } = parts;
  let answeredMs = clock();
  let workedMs = clock();
  let work: number | null = null;
  while (!signal.aborted) {
    const mostMs = parts.numOpen() === 0 ? mostIdlePauseMs : mostPauseMs;
    await pause(Math.min(mostMs, stuckMs / 4), signal);
    if (signal.aborted) return null;
    if (await driver.isReady(port, AbortSignal.timeout(Math.min(mostAnswerMs, stuckMs / 2))))
      answeredMs = clock();
    const seen = await workOf(parts);
    if (seen === "idle" || seen !== work) workedMs = clock();
    work = seen === "idle" ? null : seen;
    if (clock() - answeredMs >= stuckMs) return `it has not answered for ${seconds(stuckMs)}`;
    if (clock() - workedMs >= stuckMs)
      return `it has made no token for ${seconds(stuckMs)} while requests wait`;
  }
  return null;
}

/** Tokens computed so far; `idle` where it has nothing to do, or does not say. */
async function workOf({ driver, port, numOpen }: StuckWatchParts): Promise<number | "idle"> {
  if (numOpen() === 0) return "idle";
  const metrics = await driver.metrics(port, AbortSignal.timeout(mostAnswerMs)).catch(() => null);
  if (metrics === null || metrics.generatedTokens === null) return "idle";
  // A request whose client does not read is open, and the engine has finished it.
  const numInside = (metrics.numRunning ?? 0) + (metrics.numWaiting ?? 0);
  return numInside === 0 ? "idle" : metrics.generatedTokens + (metrics.promptTokens ?? 0);
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
