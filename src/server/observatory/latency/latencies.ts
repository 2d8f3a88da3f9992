/** @module The four latencies of an engine over the last 1, 5 and 15 minutes. */
import {
  type LatencyName,
  type LatencyWindow,
  latencyNames,
  latencyWindowSeconds,
} from "../../../api/admin/observatory/index.ts";
import type { RequestRecord } from "../../../core/generation.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

export class Latencies {
  readonly #histograms = Object.fromEntries(
    latencyNames.map((name) => [name, new LatencyHistogram()]),
  ) as Readonly<Record<LatencyName, LatencyHistogram>>;
  readonly #clock: () => number;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  static get numBytes(): number {
    return latencyNames.length * LatencyHistogram.numBytes;
  }

  requestFinished(record: RequestRecord): void {
    const nowMs = this.#clock();
    const { arrivedMs, scheduledMs, firstTokenMs, finishedMs } = record;
    for (const ms of record.interTokenMs) this.#histograms.interToken.observe(ms, nowMs);
    if (scheduledMs !== null) this.#histograms.queue.observe(scheduledMs - arrivedMs, nowMs);
    if (firstTokenMs !== null) this.#histograms.timeToFirstToken.observe(firstTokenMs - arrivedMs, nowMs);
    this.#histograms.endToEnd.observe(finishedMs - arrivedMs, nowMs);
  }

  windows(): LatencyWindow[] {
    return latencyWindowSeconds.map((seconds) => this.window(seconds));
  }

  window(seconds: number): LatencyWindow {
    const nowMs = this.#clock();
    const of = (name: LatencyName) => this.#histograms[name].percentiles(seconds, nowMs);
    return {
      seconds,
      timeToFirstToken: of("timeToFirstToken"),
      interToken: of("interToken"),
      queue: of("queue"),
      endToEnd: of("endToEnd"),
    };
  }
}
