/** @module Plays traffic to a real engine of this process, and measures it. */
import { PagodaError } from "../../core/errors.ts";
import type { GenerationService, RequestRecord } from "../../core/generation.ts";
import { defaultSamplingParams } from "../../core/sampling-params.ts";
import { figuresOf, type LoadFigures } from "../traffic/figures.ts";
import { isSaturated } from "../traffic/saturation.ts";
import type { Traffic, TrafficRequest } from "../traffic/traffic.ts";
import { inOrderOfArrival } from "./in-order-of-arrival.ts";

/**
 * Every request generates exactly its number of tokens, greedily. Rejects with the first error of a request, and with the
 * reason of `stop`, after every request has ended.
 *
 * @param records those that the engine's observer got, filled while the traffic is played
 */
export async function playTraffic(
  engine: GenerationService,
  traffic: Traffic,
  records: readonly RequestRecord[],
  stop: AbortSignal,
): Promise<{ readonly figures: LoadFigures; readonly isSaturated: boolean }> {
  const before = engine.stats();
  const startedMs = performance.now();
  const failures: unknown[] = [];
  const leave = new AbortController();
  const signal = AbortSignal.any([stop, leave.signal]);
  const send = async (request: TrafficRequest, index: number): Promise<void> => {
    try {
      for await (const _ of engine.generate(requestOf(request, index), signal));
    } catch (thrown) {
      failures.push(thrown);
      leave.abort();
    }
  };
  await inOrderOfArrival(traffic, startedMs, signal, send);
  if (failures.length > 0) throw failures[0];
  stop.throwIfAborted();
  const after = engine.stats();
  const completed = records.filter(({ outcome }) => outcome === "length" || outcome === "stop");
  if (completed.length !== traffic.requests.length)
    throw new PagodaError(
      "internal",
      `${completed.length} of ${traffic.requests.length} requests of a trial completed.`,
      { hint: "Report this with the command that you ran." },
    );
  const times = completed.map((record) => ({
    ...record,
    arrivedMs: traffic.isTimed ? startedMs + intendedMs(traffic, record) : record.arrivedMs,
    firstTokenMs: record.firstTokenMs ?? record.finishedMs,
    numOutputTokens: record.numCompletionTokens,
  }));
  const figures = figuresOf(times, {
    startedMs,
    numPreemptions: after.numPreemptions - before.numPreemptions,
    numQueryTokens: after.numPrefixQueryTokens - before.numPrefixQueryTokens,
    numHitTokens: after.numPrefixHitTokens - before.numPrefixHitTokens,
  });
  return { figures, isSaturated: traffic.isTimed && isSaturated(times) };
}

/** When the request was to be sent, after the start of the load; it may have waited for a user. */
function intendedMs({ requests }: Traffic, { requestId }: RequestRecord): number {
  return requests[Number(requestId.slice(requestPrefix.length))]?.arrivesMs ?? 0;
}

const requestPrefix = "trial-";

function requestOf({ promptTokenIds, numOutputTokens }: TrafficRequest, index: number) {
  return {
    requestId: `${requestPrefix}${index}`,
    prompt: { kind: "tokens" as const, tokenIds: [...promptTokenIds] },
    sampling: { ...defaultSamplingParams, temperature: 0, ignoreEos: true, maxTokens: numOutputTokens },
    priority: 0,
  };
}
