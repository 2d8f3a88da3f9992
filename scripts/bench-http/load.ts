/** @module What clients do to a server over raw sockets, so that the client costs less than the server. */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

export interface Streams {
  readonly chunksPerSecond: number;
  readonly numCut: number;
  /** 99th percentile of the time between two chunks of one stream, in ms. */
  readonly p99GapMs: number;
}

/** `numStreams` streamed completions at once, each of `numTokens` tokens. A whole stream ends with `[DONE]`. */
export async function loadStreams(port: number, numStreams: number, numTokens: number): Promise<Streams> {
  const begun = performance.now();
  const ends = await Promise.all(
    Array.from({ length: numStreams }, (_, index) => readStream(port, index, numTokens)),
  );
  const seconds = (performance.now() - begun) / 1000;
  return {
    chunksPerSecond: ends.reduce((sum, { numChunks }) => sum + numChunks, 0) / seconds,
    numCut: ends.filter(({ isWhole }) => !isWhole).length,
    p99GapMs: percentile(
      ends.flatMap(({ gapsMs }) => gapsMs),
      0.99,
    ),
  };
}

interface StreamEnd {
  readonly numChunks: number;
  readonly isWhole: boolean;
  readonly gapsMs: readonly number[];
}

/** Counts events by their beginnings, so that the client costs little. Chunks that arrive in one read have no gap. */
function readStream(port: number, index: number, numTokens: number): Promise<StreamEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<StreamEnd>();
  const socket = connect(port, "127.0.0.1");
  const gapsMs: number[] = [];
  let numChunks = 0;
  let lastMs: number | null = null;
  let last = "";
  socket.on("data", (part: Buffer) => {
    const now = performance.now();
    for (let at = part.indexOf("data: {"); at !== -1; at = part.indexOf("data: {", at + 7)) {
      numChunks++;
      if (lastMs !== null) gapsMs.push(now - lastMs);
      lastMs = now;
    }
    last = (last + part.toString("latin1")).slice(-40);
  });
  socket.once("error", reject);
  socket.once("close", () => resolve({ numChunks, isWhole: last.includes("[DONE]"), gapsMs }));
  socket.write(
    completionRequest([1, 2, index % 60], { max_tokens: numTokens, stream: true }, "connection: close\r\n"),
  );
  return promise;
}

function completionRequest(prompt: readonly number[], fields: object, headers = ""): string {
  const body = JSON.stringify({ prompt, ignore_eos: true, temperature: 0, ...fields });
  return `POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n${headers}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** Connections that stay open; each carries one short completion at a time. */
export class ShortCompletions {
  readonly #port: number;
  readonly #numTokens: number;
  readonly #idle: Socket[] = [];
  readonly #all: Socket[] = [];

  constructor(port: number, numTokens: number) {
    this.#port = port;
    this.#numTokens = numTokens;
  }

  close(): void {
    for (const socket of this.#all) socket.destroy();
  }

  /** Completions a second of `numClients` clients that ask again as soon as they have their answer. */
  async perSecond(numClients: number, seconds: number): Promise<number> {
    let numDone = 0;
    const untilMs = performance.now() + seconds * 1000;
    const client = async (): Promise<void> => {
      while (performance.now() < untilMs) {
        await this.#one();
        numDone++;
      }
    };
    await Promise.all(Array.from({ length: numClients }, client));
    return numDone / seconds;
  }

  /** Milliseconds of each completion when `perSecond` of them arrive in a second, whether or not others have ended. */
  async latenciesMs(perSecond: number, seconds: number): Promise<number[]> {
    const taken: Promise<number>[] = [];
    const numRequests = Math.round(perSecond * seconds);
    const begun = performance.now();
    while (taken.length < numRequests) {
      const due = Math.min(numRequests, Math.floor(((performance.now() - begun) / 1000) * perSecond));
      while (taken.length < due) taken.push(this.#one());
      await pause(1);
    }
    return Promise.all(taken);
  }

  /** @throws {TypeError} when an answer has another status than 200. */
  #one(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const socket = this.#idle.pop() ?? this.#open();
    const begun = performance.now();
    let answer = "";
    const read = (part: Buffer): void => {
      answer += part.toString("latin1");
      if (!isWhole(answer)) return;
      socket.off("data", read);
      this.#idle.push(socket);
      if (answer.startsWith("HTTP/1.1 200")) resolve(performance.now() - begun);
      else reject(new TypeError(`the server answered ${answer.slice(0, 500)}`));
    };
    socket.on("data", read);
    socket.write(completionRequest([1, 2, 3], { max_tokens: this.#numTokens }));
    return promise;
  }

  #open(): Socket {
    const socket = connect(this.#port, "127.0.0.1");
    socket.setNoDelay(true);
    this.#all.push(socket);
    return socket;
  }
}

/** Whether an answer has as many bytes of body as its `content-length` says, or the last of its chunks. */
function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf("\r\n\r\n");
  if (headEnd === -1) return false;
  const [, length] = /content-length: (\d+)/i.exec(answer) ?? [];
  if (length === undefined) return answer.endsWith("\r\n0\r\n\r\n");
  return answer.length >= headEnd + 4 + Number(length);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
