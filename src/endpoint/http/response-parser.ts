/**
 * @module Reads the answers of one HTTP/1.1 connection (RFC 9112), one after another, from bytes that arrive in any pieces.
 *
 * Chunks of the transfer coding that arrive together leave as one piece: the events of a stream stay whole and in order, and a
 * stream that is behind costs one write instead of hundreds.
 */

export interface AnswerHead {
  readonly status: number;
  /** Names in lower case; a header that stands several times has a list. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** Whether the connection may carry another exchange. */
  readonly keepsAlive: boolean;
}

export interface AnswerEvents {
  onHead(head: AnswerHead): void;
  onBody(piece: Uint8Array): void;
  onEnd(): void;
}

type State = "head" | "sized" | "chunk-size" | "chunk" | "chunk-end" | "trailer" | "until-close" | "idle";

const mostHeadBytes = 128 * 1024;
const mostLineBytes = 4096;
const headEnd = Buffer.from("\r\n\r\n");
const lineEnd = Buffer.from("\r\n");

export class ResponseParser {
  readonly #events: AnswerEvents;
  #state: State = "idle";
  #hasBody = true;
  /** What has arrived of a head, or of a line, that is not whole yet. */
  #rest: Buffer | null = null;
  /** Bytes that are missing of the body, or of the chunk. */
  #numLeft = 0;

  constructor(events: AnswerEvents) {
    this.#events = events;
  }

  /** An answer is expected; one to HEAD has no body. */
  begin(method: string): void {
    this.#state = "head";
    this.#hasBody = method !== "HEAD";
  }

  get isIdle(): boolean {
    return this.#state === "idle";
  }

  /** @throws {HttpSyntaxError} where the bytes are no answer. */
  read(piece: Buffer): void {
    let bytes = this.#rest === null ? piece : Buffer.concat([this.#rest, piece]);
    this.#rest = null;
    const found: Buffer[] = [];
    while (bytes.length > 0) {
      const numRead = this.#step(bytes, found);
      if (numRead === 0) {
        this.#rest = bytes;
        break;
      }
      bytes = bytes.subarray(numRead);
    }
    this.#deliver(found);
  }

  /** The connection has ended. Returns whether the answer is whole. */
  end(): boolean {
    if (this.#state !== "until-close") return this.#state === "idle";
    this.#finish();
    return true;
  }

  /** Bytes used; 0: more have to arrive. */
  #step(bytes: Buffer, found: Buffer[]): number {
    switch (this.#state) {
      case "head":
        return this.#head(bytes);
      case "sized":
      case "chunk":
        return this.#sized(bytes, found);
      case "until-close":
        found.push(bytes);
        return bytes.length;
      case "chunk-size":
        return this.#line(bytes, (line) => this.#chunkSize(line));
      case "chunk-end":
        return this.#line(bytes, (line) => this.#chunkEnd(line));
      case "trailer":
        return this.#line(bytes, (line) => {
          if (line !== "") return;
          this.#deliver(found);
          found.length = 0;
          this.#finish();
        });
      case "idle":
        throw new HttpSyntaxError("it sent bytes that belong to no answer");
    }
  }

  #deliver(found: readonly Buffer[]): void {
    const [first] = found;
    if (first === undefined) return;
    this.#events.onBody(found.length === 1 ? first : Buffer.concat(found));
  }

  #sized(bytes: Buffer, found: Buffer[]): number {
    const numRead = Math.min(bytes.length, this.#numLeft);
    found.push(numRead === bytes.length ? bytes : bytes.subarray(0, numRead));
    this.#numLeft -= numRead;
    if (this.#numLeft > 0) return numRead;
    if (this.#state === "chunk") this.#state = "chunk-end";
    else {
      this.#deliver(found);
      found.length = 0;
      this.#finish();
    }
    return numRead;
  }

  #line(bytes: Buffer, use: (line: string) => void): number {
    const end = bytes.indexOf(lineEnd);
    if (end === -1 ? bytes.length > mostLineBytes : end > mostLineBytes)
      throw new HttpSyntaxError(`a line of it is longer than ${mostLineBytes} bytes`);
    if (end === -1) return 0;
    use(bytes.toString("latin1", 0, end));
    return end + 2;
  }

  #chunkSize(line: string): void {
    const [size = ""] = line.split(";", 1);
    if (!/^[0-9a-f]{1,12}\s*$/i.test(size)) throw new HttpSyntaxError("a chunk of it has no size");
    this.#numLeft = Number.parseInt(size, 16);
    this.#state = this.#numLeft === 0 ? "trailer" : "chunk";
  }

  #chunkEnd(line: string): void {
    if (line !== "") throw new HttpSyntaxError("a chunk of it is longer than its size");
    this.#state = "chunk-size";
  }

  #head(bytes: Buffer): number {
    const end = bytes.indexOf(headEnd);
    if (end === -1 ? bytes.length > mostHeadBytes : end > mostHeadBytes)
      throw new HttpSyntaxError(`its headers are longer than ${mostHeadBytes} bytes`);
    if (end === -1) return 0;
    const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
    const { status, isOld } = statusOf(first);
    // Interim answers say nothing to whoever waits for the answer.
    if (status >= 200) this.#begun(status, headersOf(lines), isOld);
    return end + 4;
  }

  #begun(status: number, headers: Record<string, string | string[]>, isOld: boolean): void {
    const coding = joined(headers["transfer-encoding"]).toLowerCase();
    const connection = joined(headers.connection).toLowerCase();
    const length = headers["content-length"];
    const hasBody = this.#hasBody && status !== 204 && status !== 304;
    const isSized = !hasBody || coding.includes("chunked") || length !== undefined;
    const keepsAlive = isSized && (isOld ? connection.includes("keep-alive") : !connection.includes("close"));
    this.#state = hasBody ? this.#bodyState(coding, length) : "idle";
    this.#events.onHead({ status, headers, keepsAlive });
    if (this.#state === "idle" || (this.#state === "sized" && this.#numLeft === 0)) this.#finish();
  }

  #bodyState(coding: string, length: string | string[] | undefined): State {
    if (coding.includes("chunked")) return "chunk-size";
    if (length === undefined) return "until-close";
    if (typeof length !== "string" || !/^\d{1,15}$/.test(length))
      throw new HttpSyntaxError("its content-length is not a number");
    this.#numLeft = Number(length);
    return "sized";
  }

  #finish(): void {
    this.#state = "idle";
    this.#events.onEnd();
  }
}

/** What a server sent is no HTTP. */
export class HttpSyntaxError extends Error {}

function statusOf(line: string): { readonly status: number; readonly isOld: boolean } {
  const [, minor, status] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(line) ?? [];
  if (status === undefined) throw new HttpSyntaxError("what it answered is not HTTP/1.1");
  return { status: Number(status), isOld: minor === "0" };
}

function headersOf(lines: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new HttpSyntaxError("a header of it has no name");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const known = headers[name];
    if (known === undefined) headers[name] = value;
    else headers[name] = typeof known === "string" ? [known, value] : [...known, value];
  }
  return headers;
}

const joined = (value: string | string[] | undefined): string => (value === undefined ? "" : String(value));
