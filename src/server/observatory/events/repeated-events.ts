/** @module Events that come in bursts, such as preemptions and refusals: told at once, then as a number now and then. */
import type { EventFacts, EventLog } from "./event-log.ts";

/** Of what goes on, one event tells for so long: the log has room for a hundred. */
const quietMs = 10_000;

export interface Occurrence extends Pick<EventFacts, "kind"> {
  readonly instanceId: string | null;
  /** Tells occurrences of one kind apart, such as the code of an error. */
  readonly cause: string;
  /** The sentence for so many of them. */
  readonly message: (count: number) => string;
}

interface Burst {
  count: number;
  toldMs: number;
  last: Occurrence;
}

export class RepeatedEvents {
  readonly #events: EventLog;
  readonly #clock: () => number;
  readonly #bursts = new Map<string, Burst>();

  constructor(events: EventLog, clock: () => number) {
    this.#events = events;
    this.#clock = clock;
  }

  add(occurrence: Occurrence, count = 1): void {
    const key = JSON.stringify([occurrence.kind, occurrence.instanceId, occurrence.cause]);
    const burst = this.#bursts.get(key) ?? { count: 0, toldMs: Number.NEGATIVE_INFINITY, last: occurrence };
    burst.count += count;
    burst.last = occurrence;
    this.#bursts.set(key, burst);
    this.#tell(burst);
  }

  /** Tells what came since the last event of its kind, where that is long enough ago. */
  look(): void {
    for (const [key, burst] of this.#bursts) {
      if (burst.count > 0) this.#tell(burst);
      else if (this.#clock() - burst.toldMs > quietMs) this.#bursts.delete(key);
    }
  }

  #tell(burst: Burst): void {
    const nowMs = this.#clock();
    if (nowMs - burst.toldMs < quietMs) return;
    const { count, last } = burst;
    burst.toldMs = nowMs;
    burst.count = 0;
    const { kind, instanceId, cause } = last;
    this.#events.add({ kind, instanceId, message: last.message(count), details: { count, cause } });
  }
}
