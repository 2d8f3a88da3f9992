/**
 * @module The event stream of the observatory: one snapshot, then what changes. While nobody listens nothing is computed;
 * however many listen, each tick is computed once.
 */
import { randomUUID } from "node:crypto";
import { type AdminEvent, deltaBetween, type Snapshot } from "../../api/admin/observatory/index.ts";
import { periodically } from "../../core/observation/periodic.ts";
import type { EventLog } from "./events/event-log.ts";

/** Where frames of one listener go. */
export interface FrameSink {
  write(frames: string): void;
  /** The server stops. */
  end(): void;
  /** Bytes that were written and not taken yet. */
  readonly numUnreadBytes: number;
}

export interface FrameStreamParts {
  readonly events: EventLog;
  readonly snapshot: (frameId: string) => Promise<Snapshot>;
}

interface Frame {
  readonly number: number;
  readonly text: string;
}

interface Listener {
  readonly sink: FrameSink;
  /** Whether it missed frames because it read too slowly, and needs a snapshot before it can go on. */
  hasMissed: boolean;
}

type State = Parameters<typeof deltaBetween>[0];

const tickMs = 500;
const pingMs = 15_000;
/** A listener with more unread bytes gets nothing until it has read, and then a snapshot. */
const mostUnreadBytes = 262_144;
/** Frames kept for listeners that come back: half a minute of them, and not more than 512 KiB. */
const mostFrames = 64;
const mostFrameBytes = 524_288;

export class FrameStream {
  readonly #parts: FrameStreamParts;
  readonly #run = randomUUID().slice(0, 8);
  readonly #listeners = new Set<Listener>();
  readonly #frames: Frame[] = [];
  #numFrameBytes = 0;
  #number = 0;
  #state: State | null = null;
  #timers: NodeJS.Timeout[] = [];
  #ticking: Promise<void> | null = null;

  constructor(parts: FrameStreamParts) {
    this.#parts = parts;
    parts.events.listen((event) => this.#sendEvent(event));
  }

  get numListeners(): number {
    return this.#listeners.size;
  }

  get frameId(): string {
    return `${this.#run}-${this.#number}`;
  }

  /**
   * Adds a listener, which goes on after frame `lastFrameId` where that is still known. Call `tick` before, so that there
   * is a state. Returns what removes it.
   */
  listen(sink: FrameSink, lastFrameId: string | null): () => void {
    const listener = { sink, hasMissed: false };
    const missed = lastFrameId === null ? null : this.#framesAfter(lastFrameId);
    if (missed === null) this.#sendSnapshot(listener);
    else sink.write(`retry: 1000\n\n${missed.map(({ text }) => text).join("")}`);
    this.#listeners.add(listener);
    this.#startTimers();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopTimers();
    };
  }

  close(): void {
    this.#stopTimers();
    for (const { sink } of this.#listeners) sink.end();
    this.#listeners.clear();
  }

  /** Computes the state now and sends what has changed; of calls at once only the first computes. */
  tick(): Promise<void> {
    this.#ticking ??= this.#computeTick().finally(() => {
      this.#ticking = null;
    });
    return this.#ticking;
  }

  async #computeTick(): Promise<void> {
    const { events: _events, frameId: _frameId, ...state } = await this.#parts.snapshot(this.frameId);
    const before = this.#state;
    // A snapshot is made of plain values, so it is its own JSON.
    this.#state = state as unknown as State;
    if (before === null) return;
    this.#send("delta", deltaBetween(before, this.#state));
  }

  #sendEvent(event: AdminEvent): void {
    if (this.#state !== null) this.#send("event", event);
  }

  #send(name: string, data: unknown): void {
    this.#number++;
    const text = `id: ${this.frameId}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    this.#keep({ number: this.#number, text });
    for (const listener of this.#listeners) this.#sendTo(listener, text);
  }

  #sendTo(listener: Listener, text: string): void {
    if (listener.sink.numUnreadBytes > mostUnreadBytes) listener.hasMissed = true;
    else if (listener.hasMissed) this.#sendSnapshot(listener);
    else listener.sink.write(text);
  }

  #sendSnapshot(listener: Listener): void {
    listener.hasMissed = false;
    const { frameId } = this;
    const snapshot = { ...this.#state, frameId, events: this.#parts.events.events };
    listener.sink.write(
      `retry: 1000\nid: ${frameId}\nevent: snapshot\ndata: ${JSON.stringify(snapshot)}\n\n`,
    );
  }

  #keep(frame: Frame): void {
    this.#frames.push(frame);
    this.#numFrameBytes += frame.text.length;
    while (this.#frames.length > mostFrames || this.#numFrameBytes > mostFrameBytes)
      this.#numFrameBytes -= this.#frames.shift()?.text.length ?? 0;
  }

  /** null: the frame is of another run, or too old. */
  #framesAfter(frameId: string): readonly Frame[] | null {
    const [, run = "", digits = ""] = /^([0-9a-f]+)-(\d+)$/.exec(frameId) ?? [];
    const number = Number(digits);
    const oldest = this.#frames[0]?.number ?? this.#number + 1;
    if (run !== this.#run || number > this.#number || number < oldest - 1) return null;
    return this.#frames.filter((frame) => frame.number > number);
  }

  #startTimers(): void {
    if (this.#timers.length > 0) return;
    const ping = (): void => {
      for (const { sink } of this.#listeners) sink.write(": ping\n\n");
    };
    this.#timers = [periodically(tickMs, () => this.tick()), setInterval(ping, pingMs)];
    for (const timer of this.#timers) timer.unref();
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }
}
