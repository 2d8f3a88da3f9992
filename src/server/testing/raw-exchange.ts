/** @module Bytes sent to a server as they are, and what it answers until it closes. */
import { connect } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

export interface RawExchange {
  readonly answers: readonly RawAnswer[];
  /** The server closed, or the client left as it wanted; false: nothing happened for a long time. */
  readonly hasEnded: boolean;
}

/** A client whose request is not whole says after this time that nothing follows. */
const endAfterMs = 40;

export interface RawRequest {
  readonly bytes: Buffer;
  readonly isWhole: boolean;
  readonly leavesAfterMs: number | null;
}

/** Never rejects: a connection that is reset has ended. */
export function rawExchange(port: number, request: RawRequest, mostMs: number): Promise<RawExchange> {
  const { promise, resolve } = Promise.withResolvers<RawExchange>();
  const socket = connect(port, "127.0.0.1");
  const pieces: Buffer[] = [];
  let hasEnded = true;
  const timers = [
    setTimeout(() => {
      hasEnded = false;
      socket.destroy();
    }, mostMs),
  ];
  if (!request.isWhole) timers.push(setTimeout(() => socket.end(), endAfterMs));
  if (request.leavesAfterMs !== null) timers.push(setTimeout(() => socket.destroy(), request.leavesAfterMs));
  socket.on("data", (piece: Buffer) => pieces.push(piece));
  socket.on("error", () => undefined);
  socket.once("close", () => {
    for (const timer of timers) clearTimeout(timer);
    resolve({ answers: answersIn(Buffer.concat(pieces)), hasEnded });
  });
  socket.write(request.bytes);
  return promise;
}

/** The answers of one connection; the last may be cut off where the client left. */
function answersIn(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes.toString("latin1");
  for (;;) {
    const headEnd = rest.indexOf("\r\n\r\n");
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(rest) ?? [];
    if (headEnd === -1 || status === undefined) return answers;
    const head = rest.slice(0, headEnd).toLowerCase();
    const { body, next } = bodyOf(head, rest.slice(headEnd + 4));
    // 100 Continue is followed by the answer itself.
    if (!status.startsWith("1")) answers.push({ status: Number(status), body: utf8(body) });
    rest = next;
  }
}

function bodyOf(head: string, rest: string): { readonly body: string; readonly next: string } {
  const [, length] = /\r\ncontent-length: *(\d+)/.exec(head) ?? [];
  if (length !== undefined) {
    // An answer to HEAD states a length and has no body.
    const isHead = rest === "" || rest.startsWith("HTTP/1.1 ");
    return isHead
      ? { body: "", next: rest }
      : { body: rest.slice(0, Number(length)), next: rest.slice(Number(length)) };
  }
  if (!/\r\ntransfer-encoding: *chunked/.test(head)) return { body: rest, next: "" };
  let body = "";
  let at = 0;
  for (;;) {
    const [line, size = "0"] = /^([0-9a-f]+)\r\n/.exec(rest.slice(at, at + 20)) ?? [];
    if (line === undefined) return { body, next: "" };
    at += line.length;
    const numBytes = Number.parseInt(size, 16);
    body += rest.slice(at, at + numBytes);
    at += numBytes + 2;
    if (numBytes === 0) return { body, next: rest.slice(at) };
  }
}

function utf8(text: string): string {
  return Buffer.from(text, "latin1").toString("utf8");
}
