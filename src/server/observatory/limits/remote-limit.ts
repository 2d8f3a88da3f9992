/**
 * @module The binding limit of an engine of another program, as far as its metrics allow. They say how many requests run and
 * wait and how full the pool is, and no more; what they do not decide is `unknown`.
 */
import type { BindingLimitReport, LimitName } from "../../../api/admin/observatory/index.ts";
import type { EndpointSnapshot } from "../../../core/endpoint.ts";
import { reportOf } from "./binding-report.ts";

/** The pool is full for a newcomer before it is quite full: a request needs some blocks at once. */
const fullShare = 0.9;
const minuteMs = 60_000;

interface Look {
  readonly atMs: number;
  readonly limit: LimitName;
}

/** Looks at one engine's load now and then; each look stands for the time until the next. */
export class RemoteLimit {
  readonly #looks: Look[] = [];
  #numPreemptions: number | null = null;

  /** @param seats of the engine; null where they are not known */
  look(load: EndpointSnapshot, seats: number | null, atMs: number): void {
    const numPreemptions = load.counters?.numPreemptions ?? null;
    const hasPreempted =
      numPreemptions !== null && this.#numPreemptions !== null && numPreemptions > this.#numPreemptions;
    this.#numPreemptions = numPreemptions;
    this.#looks.push({ atMs, limit: limitOf(load, seats, hasPreempted) });
    while (atMs - (this.#looks[0]?.atMs ?? atMs) > minuteMs) this.#looks.shift();
  }

  report(nowMs: number): BindingLimitReport {
    const times = new Map<LimitName, number>();
    for (const [i, { atMs, limit }] of this.#looks.entries()) {
      const untilMs = this.#looks[i + 1]?.atMs ?? nowMs;
      times.set(limit, (times.get(limit) ?? 0) + Math.max(1, untilMs - atMs));
    }
    return reportOf(times, (nowMs - (this.#looks[0]?.atMs ?? nowMs)) / 1000);
  }
}

function limitOf(load: EndpointSnapshot, seats: number | null, hasPreempted: boolean): LimitName {
  const { numRunning, numWaiting, kvCacheUsage } = load;
  if (hasPreempted) return "kv_blocks";
  if (numRunning + numWaiting === 0) return "idle";
  // It computes, and whether for tokens or for reading weights no metric says.
  if (numWaiting === 0) return "unknown";
  if (seats !== null && numRunning >= seats) return "seats";
  return kvCacheUsage !== null && kvCacheUsage >= fullShare ? "kv_blocks" : "unknown";
}
