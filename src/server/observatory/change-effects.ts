/** @module What a change of settings did: the figures of the minute before it beside those of the minute after. */
import type { AppliedChange } from "../settings/settings-service.ts";
import type { EventLog } from "./events/event-log.ts";
import type { Latencies } from "./latency/latencies.ts";
import { minuteMs, type RecentSamples, ratesBetween, type Sample } from "./recent-samples.ts";

/** By name; null: nothing happened that it could be measured by. */
export type Figures = Readonly<Record<string, number | null>>;

interface Pending {
  readonly change: AppliedChange;
  readonly before: Figures;
  readonly dueMs: number;
}

const afterMs = 60_000;

export class ChangeEffects {
  readonly #events: EventLog;
  readonly #clock: () => number;
  readonly #pending: Pending[] = [];

  constructor(events: EventLog, clock: () => number) {
    this.#events = events;
    this.#clock = clock;
  }

  changed(change: AppliedChange, before: Figures): void {
    const { revision, by, changes } = change;
    const [only, ...others] = change.instanceIds;
    this.#events.add({
      kind: "settings",
      instanceId: others.length === 0 ? (only ?? null) : null,
      by,
      message: `Settings ${revision}: ${described(changes)}.`,
      details: { revision },
    });
    this.#pending.push({ change, before, dueMs: this.#clock() + afterMs });
  }

  /** Reports changes that were made a minute ago. */
  look(figures: () => Figures): void {
    const nowMs = this.#clock();
    while (this.#pending[0] !== undefined && this.#pending[0].dueMs <= nowMs) {
      const { change, before } = this.#pending.shift() as Pending;
      this.#report(change, before, figures());
    }
  }

  #report({ revision, changes, instanceIds }: AppliedChange, before: Figures, after: Figures): void {
    const details: Record<string, number | null> = { revision };
    const texts: string[] = [];
    for (const name of Object.keys(after)) {
      const [older, newer] = [before[name] ?? null, after[name] ?? null];
      details[`${name}Before`] = older;
      details[`${name}After`] = newer;
      if (older !== null && newer !== null) texts.push(`${name} ${rounded(older)} → ${rounded(newer)}`);
    }
    const effect = texts.length === 0 ? "nothing ran that it could be measured by" : texts.join(", ");
    this.#events.add({
      kind: "settings_effect",
      instanceId: instanceIds.length === 1 ? (instanceIds[0] ?? null) : null,
      message: `The minute after settings ${revision} (${described(changes)}): ${effect}.`,
      details,
    });
  }
}

/** Of the last minute. */
export function figuresOf(samples: RecentSamples, latencies: Latencies, now: Sample): Figures {
  const rates = ratesBetween(samples, now, minuteMs);
  const [minute] = latencies.windows();
  return {
    generatedTokensPerSecond: rates?.generatedTokensPerSecond ?? null,
    promptTokensPerSecond: rates?.promptTokensPerSecond ?? null,
    preemptionsPerSecond: rates?.preemptionsPerSecond ?? null,
    prefixHitRate: rates?.prefixHitRate ?? null,
    timeToFirstTokenP90Ms: minute?.timeToFirstToken?.p90Ms ?? null,
    interTokenP90Ms: minute?.interToken?.p90Ms ?? null,
  };
}

function described(changes: AppliedChange["changes"]): string {
  const texts = Object.entries(changes).map(([name, [from, to]]) => `${name} ${from} → ${to}`);
  return texts.length === 0 ? "nothing changed" : texts.join(", ");
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
