/** @module Which events and lines of the log are shown: by kind or level, by instance, and by words. */
import type { AdminEvent, LogLine } from "../../../api/admin/observatory/index.ts";

export interface Filter {
  /** Empty: any. */
  readonly kind: string;
  readonly instance: string;
  readonly words: string;
}

function hasWords(text: string, words: string): boolean {
  const lower = text.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}

/** The newest first. */
export function shownEvents(events: readonly AdminEvent[], filter: Filter): readonly AdminEvent[] {
  return events
    .filter(
      ({ kind, instanceId, message, by }) =>
        (filter.kind === "" || kind === filter.kind) &&
        (filter.instance === "" || instanceId === filter.instance) &&
        hasWords(`${kind} ${instanceId ?? ""} ${message} ${by ?? ""}`, filter.words),
    )
    .toReversed();
}

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** Of this level and graver ones, the newest first. */
export function shownLines(lines: readonly LogLine[], least: string, words: string): readonly LogLine[] {
  const place = Math.max(0, logLevels.indexOf(least as LogLine["level"]));
  return lines
    .filter(({ level, message }) => logLevels.indexOf(level) >= place && hasWords(message, words))
    .toReversed();
}
