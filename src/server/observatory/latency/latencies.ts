/** @module The four latencies of an engine over the last seconds, and over the last 1, 5 and 15 minutes. */
import {
  type LatencyName,
  type LatencyWindow,
  latencyNames,
  latencyWindowSeconds,
  recentWindowSeconds,
} from "../../../api/admin/observatory/index.ts";
import type { RequestRecord } from "../../../core/generation.ts";
import { LatencyHistogram, minuteSlots, recentSlots, type SlotShape } from "./latency-histogram.ts";

type Histograms = Readonly<Record<LatencyName, LatencyHistogram>>;

export class Latencies {
  readonly #histograms = histograms(minuteSlots);
  readonly #recent = histograms(recentSlots);
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  static get numBytes(): number {
    const minutes = LatencyHistogram.numBytes(minuteSlots, latencyWindowSeconds.length);
    return latencyNames.length * (minutes + LatencyHistogram.numBytes(recentSlots, 1));
  }

  requestFinished(record: RequestRecord): void {
    const nowMs = this.#clock();
    const { arrivedMs, scheduledMs, firstTokenMs, finishedMs } = record;
    for (const ms of record.interTokenMs) this.#histograms.interToken.observe(ms, nowMs);
    if (scheduledMs !== null) this.#histograms.queue.observe(scheduledMs - arrivedMs, nowMs);
    if (firstTokenMs !== null) this.#histograms.timeToFirstToken.observe(firstTokenMs - arrivedMs, nowMs);
    this.#histograms.endToEnd.observe(finishedMs - arrivedMs, nowMs);
    this.#observeRecent(record, nowMs - finishedMs);
  }

  /** At the times at which they ended: what a change of settings did shows at once. */
  #observeRecent(record: RequestRecord, sinceFinishedMs: number): void {
    const { arrivedMs, scheduledMs, firstTokenMs, finishedMs } = record;
    const { interToken, queue, timeToFirstToken, endToEnd } = this.#recent;
    // Records have times of the engine's clock.
    const add = (histogram: LatencyHistogram, ms: number, endedMs: number): void =>
      histogram.observe(ms, Math.max(0, endedMs + sinceFinishedMs));
    let tokenMs = firstTokenMs ?? finishedMs;
    for (const ms of record.interTokenMs) {
      tokenMs = Math.min(finishedMs, tokenMs + ms);
      add(interToken, ms, tokenMs);
    }
    if (scheduledMs !== null) add(queue, scheduledMs - arrivedMs, scheduledMs);
    if (firstTokenMs !== null) add(timeToFirstToken, firstTokenMs - arrivedMs, firstTokenMs);
    add(endToEnd, finishedMs - arrivedMs, finishedMs);
  }

  windows(): LatencyWindow[] {
    return latencyWindowSeconds.map((seconds) => this.window(seconds));
  }

  window(seconds: number): LatencyWindow {
    return this.#windowOf(this.#histograms, seconds);
  }

  /** The last 10 to 15 seconds; only of requests that have ended. */
  recent(): LatencyWindow {
    return this.#windowOf(this.#recent, recentWindowSeconds);
  }

  #windowOf(from: Histograms, seconds: number): LatencyWindow {
    const nowMs = this.#clock();
    const of = (name: LatencyName) => from[name].percentiles(seconds, nowMs);
    return {
      seconds,
      timeToFirstToken: of("timeToFirstToken"),
      interToken: of("interToken"),
      queue: of("queue"),
      endToEnd: of("endToEnd"),
    };
  }
}

function histograms(shape: SlotShape): Histograms {
  return Object.fromEntries(latencyNames.map((name) => [name, new LatencyHistogram(shape)])) as Histograms;
}
