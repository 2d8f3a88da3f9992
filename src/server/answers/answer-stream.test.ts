/** The states of a socket under a streamed answer: every write that was told to wait goes on, and every answer ends once. */
import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { array, asyncProperty, constantFrom, assert as holds, integer, oneof, tuple } from "fast-check";
import { AnswerStream } from "./answer-stream.ts";

/** A connection whose other side takes bytes only when it is told to, as a client that reads late does. */
class HeldSocket extends Duplex {
  readonly received: Buffer[] = [];
  readonly #held: (() => void)[] = [];
  isEnded = false;

  override _read(): void {
    // The request is pushed.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, taken: () => void): void {
    this.#held.push(() => {
      this.received.push(chunk);
      taken();
    });
  }

  override _writev(chunks: { chunk: Buffer | string }[], taken: () => void): void {
    this.#held.push(() => {
      for (const { chunk } of chunks) this.received.push(Buffer.from(chunk as string));
      taken();
    });
  }

  override _final(done: () => void): void {
    this.isEnded = true;
    done();
  }

  /** Takes what waits; false: nothing did. */
  takeNext(): boolean {
    const next = this.#held.shift();
    next?.();
    return next !== undefined;
  }
}

interface Scene {
  readonly socket: HeldSocket;
  readonly response: ServerResponse;
  readonly stream: AnswerStream;
}

async function scene(connection: "close" | "keep-alive"): Promise<Scene> {
  const server = createServer();
  const arrived = new Promise<ServerResponse>((resolve) =>
    server.once("request", (_, answer) => resolve(answer)),
  );
  const socket = new HeldSocket();
  server.emit("connection", socket);
  socket.push(`GET / HTTP/1.1\r\nhost: x\r\nconnection: ${connection}\r\n\r\n`);
  const response = await arrived;
  return { socket, response, stream: new AnswerStream(response, "request", "events") };
}

type Step = readonly ["write", size: number] | readonly ["take" | "turn", number];

const steps = array(
  oneof(
    // Around the high-water marks of responses and of sockets.
    tuple(
      constantFrom("write" as const),
      oneof(integer({ min: 1, max: 200 }), integer({ min: 16_000, max: 70_000 })),
    ),
    tuple(constantFrom("take" as const, "turn" as const), integer({ min: 1, max: 4 })),
  ),
  { maxLength: 40 },
);

/** Steps a promise was waited for at the end, and the text that was written. */
async function played(
  given: Scene,
  all: readonly Step[],
): Promise<{ waits: Promise<void>[]; written: string }> {
  const waits: Promise<void>[] = [];
  let written = "";
  for (const [kind, count] of all) {
    if (kind === "write") {
      const text = String(written.length % 10).repeat(count);
      if (!given.response.destroyed) written += text;
      const wait = given.stream.write(text);
      if (wait !== null) waits.push(wait);
    } else
      for (let i = 0; i < count; i++)
        if (kind === "take") given.socket.takeNext();
        else await turn();
  }
  return { waits, written };
}

function bodyOf(received: readonly Buffer[]): string {
  const text = Buffer.concat(received).toString("latin1");
  let rest = text.slice(text.indexOf("\r\n\r\n") + 4);
  let body = "";
  for (;;) {
    const lineEnd = rest.indexOf("\r\n");
    const length = Number.parseInt(rest.slice(0, lineEnd), 16);
    if (!(length > 0)) return length === 0 ? body : `${body} (cut)`;
    body += rest.slice(lineEnd + 2, lineEnd + 2 + length);
    rest = rest.slice(lineEnd + 4 + length);
  }
}

test("a client that reads late, at any moment, gets the whole answer and its end", async () => {
  await holds(
    asyncProperty(steps, constantFrom("close" as const, "keep-alive" as const), async (all, connection) => {
      const given = await scene(connection);
      const { waits, written } = await played(given, all);
      let numFinished = 0;
      given.response.once("finish", () => numFinished++);
      given.stream.end("the end");
      let numIdle = 0;
      while (numIdle < 5) {
        numIdle = given.socket.takeNext() ? 0 : numIdle + 1;
        await turn();
      }
      await Promise.all(waits);
      assert.equal(numFinished, 1);
      assert.equal(bodyOf(given.socket.received), `${written}the end`);
      assert.equal(given.socket.isEnded, connection === "close");
      given.socket.destroy();
    }),
    { numRuns: 300 },
  );
});

test("a client that leaves, at any moment, ends every wait, and nothing is written any more", async () => {
  await holds(
    asyncProperty(steps, steps, async (before, after) => {
      const given = await scene("keep-alive");
      const { waits } = await played(given, before);
      given.socket.destroy();
      const later = await played(given, after);
      await turn();
      await Promise.all([...waits, ...later.waits]);
      given.stream.end("the end");
      assert.ok(given.response.destroyed);
    }),
    { numRuns: 300 },
  );
});
