/** @module A stream with the marks of our own engine: what may be passed on, and where another instance would go on. */
import { type StreamPosition, streamMark } from "../../../core/endpoint.ts";

const mark = Buffer.from(`\n\n${streamMark}`);
const markAtStart = Buffer.from(streamMark);
const markEnd = Buffer.from("\n\n");

export class MarkedStream {
  readonly #seed: number;
  #identity: Pick<StreamPosition, "answerId" | "createdUnixSeconds"> | null = null;
  readonly #tokenIds: number[] = [];
  #hasFinished = false;
  /** What has come after the last mark. */
  #rest: Buffer = Buffer.alloc(0);
  numMarks = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** null: nothing of the answer was passed on. */
  get position(): StreamPosition | null {
    if (this.#identity === null) return null;
    return {
      seed: this.#seed,
      ...this.#identity,
      tokenIds: this.#tokenIds,
      hasFinished: this.#hasFinished,
    };
  }

  /** The events that are whole and marked, without their marks. */
  take(piece: Uint8Array): Buffer {
    let bytes = this.#rest.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#rest, piece]);
    const events: Buffer[] = [];
    for (;;) {
      const found = this.#nextMark(bytes);
      if (found === null) break;
      events.push(bytes.subarray(0, found.eventsEnd));
      this.#read(found.text);
      bytes = bytes.subarray(found.end);
    }
    this.#rest = bytes;
    return events.length === 1 ? (events[0] as Buffer) : Buffer.concat(events);
  }

  /** What follows the last mark of a stream that is whole. */
  end(): Buffer {
    const rest = this.#rest;
    this.drop();
    return rest;
  }

  /** The stream broke off: what has no mark is sent again. */
  drop(): void {
    this.#rest = Buffer.alloc(0);
  }

  #nextMark(
    bytes: Buffer,
  ): { readonly eventsEnd: number; readonly text: string; readonly end: number } | null {
    const isFirst = bytes.subarray(0, markAtStart.length).equals(markAtStart);
    const at = isFirst ? 0 : bytes.indexOf(mark);
    if (at === -1) return null;
    const eventsEnd = isFirst ? 0 : at + markEnd.length;
    const textStart = eventsEnd + markAtStart.length;
    const textEnd = bytes.indexOf(markEnd, textStart);
    if (textEnd === -1) return null;
    return { eventsEnd, text: bytes.toString("latin1", textStart, textEnd), end: textEnd + markEnd.length };
  }

  #read(text: string): void {
    this.numMarks += 1;
    if (text === "end") this.#hasFinished = true;
    else if (text.startsWith("{")) this.#identity = JSON.parse(text);
    else for (const tokenId of text.split(" ")) if (tokenId !== "") this.#tokenIds.push(Number(tokenId));
  }
}
