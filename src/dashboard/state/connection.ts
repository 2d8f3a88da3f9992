/** @module The one stream of facts: `/admin/events`, taken up again after every loss, and the snapshot that it adds up to. */
import { applyDelta, type Delta } from "../../api/admin/observatory/delta.ts";
import type { AdminEvent, Snapshot } from "../../api/admin/observatory/index.ts";
import { PredictionRing } from "./prediction-ring.ts";
import { keyStore, send } from "./request.ts";
import { sseMessages } from "./sse-parser.ts";
import { Store } from "./store.ts";

/** Why the key that the visitor gave opens nothing; null: none was given yet. */
export type KeyFault = "wrong" | "notAdmin" | null;
export type ConnectionState = "connecting" | "live" | "lost" | "needsKey" | "refused";

const leastRetryMs = 500;
const mostRetryMs = 4000;
/** Nothing for so long means that the other side is gone: the server pings every 15 s. */
const silenceMs = 40_000;
const mostEvents = 1000;

class Connection {
  readonly state = new Store<ConnectionState>("connecting");
  readonly snapshot = new Store<Snapshot | null>(null);
  readonly keyFault = new Store<KeyFault>(null);
  #frameId: string | null = null;
  #retryMs = leastRetryMs;
  #abort = new AbortController();

  /** Runs for as long as the page lives. */
  async run(): Promise<void> {
    keyStore.subscribe(() => this.#abort.abort());
    for (;;) {
      this.#abort = new AbortController();
      await this.#listen().catch(() => undefined);
      if (this.state.value === "live" || this.state.value === "connecting") this.state.set("lost");
      await this.#pause();
    }
  }

  async #listen(): Promise<void> {
    const headers: Record<string, string> = this.#frameId === null ? {} : { "last-event-id": this.#frameId };
    const answer = await send("admin/events", { headers, signal: this.#abort.signal });
    if (answer.status === 401 || answer.status === 403) {
      this.#closed(answer.status);
      return;
    }
    if (!answer.ok || answer.body === null) return;
    const silence = new AlarmClock(silenceMs, () => this.#abort.abort());
    try {
      for await (const { event, data, id } of sseMessages(answer.body)) {
        silence.rewind();
        this.#take(event, JSON.parse(data));
        if (id !== null) this.#frameId = id;
        this.#retryMs = leastRetryMs;
        this.keyFault.set(null);
        this.state.set("live");
      }
    } finally {
      silence.stop();
    }
  }

  /** 401: no key, or one that the server does not know; 403: the key of a client, or no admin key on a network address. */
  #closed(status: 401 | 403): void {
    const hasKey = keyStore.value !== null;
    if (status === 401) this.keyFault.set(hasKey ? "wrong" : null);
    else this.keyFault.set(hasKey ? "notAdmin" : null);
    this.snapshot.set(null);
    this.#frameId = null;
    this.state.set(status === 401 || hasKey ? "needsKey" : "refused");
  }

  #take(event: string, data: unknown): void {
    const { value } = this.snapshot;
    if (event === "snapshot") this.snapshot.set(data as Snapshot);
    else if (value === null) return;
    else if (event === "delta") this.snapshot.set(applyDelta(value, data as Delta));
    else if (event === "event")
      this.snapshot.set({ ...value, events: [...value.events, data as AdminEvent].slice(-mostEvents) });
  }

  /** A little longer each time; a new key ends the wait. */
  async #pause(): Promise<void> {
    const waitsForKey = this.state.value === "needsKey";
    const ms = waitsForKey ? mostRetryMs : this.#retryMs;
    this.#retryMs = Math.min(mostRetryMs, this.#retryMs * 2);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms);
      const leave = keyStore.subscribe(done);
      function done(): void {
        clearTimeout(timer);
        leave();
        resolve();
      }
    });
  }
}

/** Rings unless it is rewound in time. */
class AlarmClock {
  readonly #ms: number;
  readonly #ring: () => void;
  #timer: ReturnType<typeof setTimeout>;

  constructor(ms: number, ring: () => void) {
    this.#ms = ms;
    this.#ring = ring;
    this.#timer = setTimeout(ring, ms);
  }

  rewind(): void {
    this.stop();
    this.#timer = setTimeout(this.#ring, this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

export const connection = new Connection();

/** Filled from the stream, whichever view is open. */
export const predictions = new PredictionRing();
connection.snapshot.subscribe(() => {
  const { value } = connection.snapshot;
  if (value !== null) predictions.take(value);
});
