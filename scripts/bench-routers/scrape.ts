/** @module What /metrics costs a router that is asked for it 20 times a second, as some gateways do. */
import { setTimeout as pause } from "node:timers/promises";
import { percentile } from "./clients.ts";
import { processorNs } from "./processor-time.ts";
import type { RunningRouter } from "./routers.ts";

export interface ScrapeTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the router for each. */
  readonly processorMs: number;
  readonly bytes: number;
}

const perSecond = 20;
const numScrapes = 100;

export async function scrapeTimes({ port, pid }: RunningRouter): Promise<ScrapeTimes> {
  const timesMs: number[] = [];
  let bytes = 0;
  const beforeNs = processorNs(pid);
  for (let i = 0; i < numScrapes; i += 1) {
    const begunMs = performance.now();
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    bytes = (await answer.text()).length;
    const tookMs = performance.now() - begunMs;
    timesMs.push(tookMs);
    await pause(Math.max(0, 1000 / perSecond - tookMs));
  }
  const processorMs = (processorNs(pid) - beforeNs) / 1e6 / numScrapes;
  return { p50Ms: percentile(timesMs, 0.5), p99Ms: percentile(timesMs, 0.99), processorMs, bytes };
}
