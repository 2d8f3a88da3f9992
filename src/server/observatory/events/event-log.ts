/** @module The last things that happened, numbered, for the snapshot and the event stream. */
import type { AdminEvent } from "../../../api/admin/observatory/index.ts";

/** Events that a snapshot shows. */
const mostEvents = 100;

export type EventFacts = Pick<AdminEvent, "kind" | "message"> &
  Partial<Pick<AdminEvent, "instanceId" | "by" | "details">>;

export class EventLog {
  readonly #events: AdminEvent[] = [];
  readonly #listeners = new Set<(event: AdminEvent) => void>();
  readonly #unixMs: () => number;
  #numEvents = 0;

  constructor(unixMs: () => number) {
    this.#unixMs = unixMs;
  }

  /** The newest, oldest first. */
  get events(): readonly AdminEvent[] {
    return this.#events;
  }

  add({ kind, message, instanceId = null, by = null, details = {} }: EventFacts): AdminEvent {
    this.#numEvents++;
    const event = {
      eventId: this.#numEvents,
      unixMs: this.#unixMs(),
      kind,
      instanceId,
      message,
      by,
      details,
    };
    this.#events.push(event);
    if (this.#events.length > mostEvents) this.#events.shift();
    for (const listener of this.#listeners) listener(event);
    return event;
  }

  /** Called at once for each event from now on. Returns what ends that. */
  listen(listener: (event: AdminEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
