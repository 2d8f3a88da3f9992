/** @module What clients do to a router, over raw sockets, so that they cost little. */
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

const path = "/v1/chat/completions";

function requestOf(body: object): Buffer {
  const text = JSON.stringify(body);
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n`;
  return Buffer.from(head + text);
}

/** Connections that stay open; each carries one request at a time. */
export class Clients {
  readonly #port: number;
  readonly #requests: readonly Buffer[];
  readonly #idle: Socket[] = [];
  readonly #all: Socket[] = [];
  #next = 0;

  constructor(port: number, bodies: readonly object[]) {
    this.#port = port;
    this.#requests = bodies.map(requestOf);
  }

  close(): void {
    for (const socket of this.#all) socket.destroy();
  }

  /** Requests that `numClients` clients have answered in a time, each of them asking again at once. */
  async closedLoop(numClients: number, seconds: number): Promise<number> {
    let numDone = 0;
    const untilMs = performance.now() + seconds * 1000;
    const client = async (): Promise<void> => {
      while (performance.now() < untilMs) {
        await this.one();
        numDone += 1;
      }
    };
    await Promise.all(Array.from({ length: numClients }, client));
    return numDone;
  }

  /** Milliseconds of each request when `perSecond` of them arrive evenly, whether or not others have ended. */
  async openLoop(perSecond: number, seconds: number): Promise<number[]> {
    const taken: Promise<number>[] = [];
    const numRequests = Math.round(perSecond * seconds);
    const begunMs = performance.now();
    while (taken.length < numRequests) {
      const due = Math.min(numRequests, Math.floor(((performance.now() - begunMs) / 1000) * perSecond));
      while (taken.length < due) taken.push(this.one());
      await pause(1);
    }
    return Promise.all(taken);
  }

  /**
   * Once more where a connection was closed before its answer began, as a client's library would do.
   * @throws {TypeError} where the status is not 200.
   */
  one(): Promise<number> {
    return this.#once().catch((thrown) => {
      if (thrown instanceof TypeError && thrown.message.endsWith("after ''")) return this.#once();
      throw thrown;
    });
  }

  #once(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const socket = this.#idle.pop() ?? this.#open();
    const begunMs = performance.now();
    let answer = "";
    const end = (): void => reject(new TypeError(`the connection ended after '${answer.slice(0, 300)}'`));
    const read = (part: Buffer): void => {
      answer += part.toString("latin1");
      if (!isWhole(answer)) return;
      socket.off("data", read);
      socket.off("close", end);
      this.#idle.push(socket);
      if (answer.startsWith("HTTP/1.1 200")) resolve(performance.now() - begunMs);
      else reject(new TypeError(`the router answered ${answer.slice(0, 500)}`));
    };
    socket.on("data", read);
    socket.once("close", end);
    socket.write(this.#requests[this.#next++ % this.#requests.length] ?? "");
    return promise;
  }

  #open(): Socket {
    const socket = connect(this.#port, "127.0.0.1");
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    this.#all.push(socket);
    return socket;
  }
}

/** Whether an answer has as many bytes of body as its `content-length` says, or the last of its chunks. */
function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf("\r\n\r\n");
  if (headEnd === -1) return false;
  const [, length] = /content-length: (\d+)/i.exec(answer.slice(0, headEnd)) ?? [];
  if (length === undefined) return answer.endsWith("\r\n0\r\n\r\n");
  return answer.length >= headEnd + 4 + Number(length);
}

/** Events that arrive in `seconds` over `numStreams` streams at once, which their clients then leave. */
export async function streamedEvents(port: number, numStreams: number, seconds: number): Promise<number> {
  const request = requestOf({
    model: "m",
    messages: [{ role: "user", content: "Hi" }],
    stream: true,
    max_tokens: 1_000_000,
  });
  let numEvents = 0;
  let isCounting = false;
  const sockets = Array.from({ length: numStreams }, () => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.on("error", () => undefined);
    socket.on("data", (part: Buffer) => {
      if (!isCounting) return;
      for (let at = part.indexOf("data: {"); at !== -1; at = part.indexOf("data: {", at + 7)) numEvents += 1;
    });
    return socket;
  });
  await pause(500);
  isCounting = true;
  await pause(seconds * 1000);
  for (const socket of sockets) socket.destroy();
  await pause(200);
  return numEvents;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
