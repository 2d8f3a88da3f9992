/** @module Plays traffic to a server of any engine over HTTP, and measures what a client sees. */
import { timeCompletion } from "../../bench/load/completion-client.ts";
import { PagodaError } from "../../core/errors.ts";
import { figuresOf, type LoadFigures, type RequestTimes } from "../traffic/figures.ts";
import { isSaturated } from "../traffic/saturation.ts";
import type { Traffic } from "../traffic/traffic.ts";
import { inOrderOfArrival } from "../trial/in-order-of-arrival.ts";

export interface HttpTarget {
  readonly url: string;
  readonly model: string;
}

/** Rejects with the first error of a request once all have ended, and with the reason of `stop`. */
export async function playOverHttp(
  target: HttpTarget,
  traffic: Traffic,
  stop: AbortSignal,
): Promise<{ readonly figures: LoadFigures; readonly isSaturated: boolean }> {
  const startedMs = performance.now();
  const times: RequestTimes[] = [];
  const failures: unknown[] = [];
  const leave = new AbortController();
  let numCached = 0;
  let numPrompt = 0;
  await inOrderOfArrival(traffic, startedMs, AbortSignal.any([stop, leave.signal]), async (request) => {
    const sentMs = performance.now();
    try {
      const measured = await timeCompletion(target, [...request.promptTokenIds], request.numOutputTokens);
      times.push({
        arrivedMs: traffic.isTimed ? startedMs + request.arrivesMs : sentMs,
        firstTokenMs: sentMs + measured.ttftMs,
        finishedMs: sentMs + measured.totalMs,
        interTokenMs: measured.interChunkMs,
        numOutputTokens: measured.numOutputTokens,
      });
      numCached += measured.numCachedTokens ?? 0;
      numPrompt += request.promptTokenIds.length;
    } catch (thrown) {
      failures.push(thrown);
      leave.abort();
    }
  });
  if (failures.length > 0) throw failures[0];
  stop.throwIfAborted();
  if (times.length === 0)
    throw new PagodaError("internal", "A trial had no request.", { hint: "Report this with the command." });
  const figures = figuresOf(times, {
    startedMs,
    numPreemptions: 0,
    numQueryTokens: numPrompt,
    numHitTokens: numCached,
  });
  return { figures, isSaturated: traffic.isTimed && isSaturated(times) };
}
