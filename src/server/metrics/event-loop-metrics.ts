/** @module How long the event loop was blocked, under the names that prom-client's dashboards read. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Instruments } from "./instruments.ts";

/** The delay's own timer comes so often; a delay is what is beyond it. */
const resolutionMs = 10;
const nanoseconds = 1e9;

export class EventLoopMetrics {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  #longestSeconds = 0;

  /** From now on. */
  start(): void {
    this.#delay.enable();
  }

  stop(): void {
    this.#delay.disable();
  }

  /** Since the last call, but for the longest, which is since the start. */
  read(instruments: Instruments): void {
    const seconds = (value: number): number => Math.max(0, value / nanoseconds - resolutionMs / 1000);
    const { max } = this.#delay;
    this.#longestSeconds = Math.max(this.#longestSeconds, seconds(max));
    instruments.setGauge("nodejs_eventloop_lag_max_seconds", this.#longestSeconds, {});
    for (const percentile of [50, 90, 99] as const)
      instruments.setGauge(
        `nodejs_eventloop_lag_p${percentile}_seconds`,
        seconds(this.#delay.percentile(percentile)),
        {},
      );
    this.#delay.reset();
  }
}
