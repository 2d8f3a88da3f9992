/**
 * @module Every open connection with what it holds: unfinished headers, headers of requests in flight, and bytes that its
 * client has not read. Connections beyond the limits are closed, those that have waited longest first, so that the memory
 * of sockets has a bound, as that of bodies and of the KV pool has.
 */
import { kib, mib } from "../../core/byte-size.ts";

export interface ConnectionLimits {
  /** Connections that are served at once. */
  readonly mostConnections: number;
  /** Bytes of headers that are unfinished, or whose request is in flight. */
  readonly headerCapacityBytes: number;
  /** Bytes of answers that sockets hold because clients do not read them. */
  readonly unsentCapacityBytes: number;
}

/**
 * Measured on Linux: a silent connection adds 14 KiB to the resident size, and 14.7 KiB of unfinished header 19 KiB more.
 * 1,024 connections and 6 MiB of headers are 22 MiB, the part of the runtime's reservation that is for sockets and bodies.
 */
export const defaultConnectionLimits: ConnectionLimits = {
  mostConnections: 1024,
  headerCapacityBytes: 6 * mib,
  unsentCapacityBytes: 8 * mib,
};

/** Connections beyond the limit that are accepted to be told so; the operating system's answer to more is a reset. */
export const numSurplus = 128;
/** A client that pipelines sends a few requests ahead; each one in flight costs memory. */
const mostInFlight = 16;
/** A connection that has no request in flight may be closed for another one after this time. */
const patienceMs = 1000;
/** A client that reads nothing of an answer for this time has left, or means harm. */
const stalledMs = 120_000;
/** Of one request; the parser answers a longer header by 431. */
export const mostHeaderBytes = 16 * kib;

/** Why a connection was closed by this server, for the metrics. */
export type ClosedBecause = "idle" | "headers" | "pipelining" | "unread" | "stalled";

/** What is used of a socket. */
export interface Closable {
  readonly writableLength: number;
  readonly bytesWritten: number;
  destroy(): unknown;
}

interface Connection {
  unfinishedHeaderBytes: number;
  inFlightHeaderBytes: number;
  numInFlight: number;
  isSurplus: boolean;
  /** When it was opened, or its last request ended. */
  waitingSinceMs: number;
  bytesWritten: number;
  progressMs: number;
}

export class ConnectionLedger {
  readonly closed: Record<ClosedBecause, number> = {
    idle: 0,
    headers: 0,
    pipelining: 0,
    unread: 0,
    stalled: 0,
  };
  readonly limits: ConnectionLimits;
  readonly #clock: () => number;
  readonly #connections = new Map<Closable, Connection>();
  /** Those without a request in flight, longest waiting first. */
  readonly #waiting = new Set<Closable>();
  #headerBytes = 0;
  #numRefused = 0;

  /** `clock`: monotonic milliseconds. */
  constructor(limits: ConnectionLimits, clock: () => number = () => performance.now()) {
    this.limits = limits;
    this.#clock = clock;
  }

  get numOpen(): number {
    return this.#connections.size;
  }

  /** Bytes of headers that are held now. */
  get headerBytes(): number {
    return this.#headerBytes;
  }

  /** Requests that were refused because their connection was one too many. */
  get numRefused(): number {
    return this.#numRefused;
  }

  opened(socket: Closable): void {
    const nowMs = this.#clock();
    this.#makeRoom(nowMs);
    this.#connections.set(socket, {
      unfinishedHeaderBytes: 0,
      inFlightHeaderBytes: 0,
      numInFlight: 0,
      isSurplus: this.#connections.size >= this.limits.mostConnections,
      waitingSinceMs: nowMs,
      bytesWritten: 0,
      progressMs: nowMs,
    });
    this.#waiting.add(socket);
  }

  /** The operating system reset one that came while even the surplus was taken: the next one shall find a place. */
  turnedAway(): void {
    this.#makeRoom(this.#clock());
  }

  gone(socket: Closable): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#headerBytes -= connection.unfinishedHeaderBytes + connection.inFlightHeaderBytes;
    this.#connections.delete(socket);
    this.#waiting.delete(socket);
  }

  /** Bytes that are not of a body have arrived. */
  headerArrived(socket: Closable, numBytes: number): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.unfinishedHeaderBytes += numBytes;
    this.#headerBytes += numBytes;
    while (this.#headerBytes > this.limits.headerCapacityBytes) {
      const oldest = this.#oldestWithHeader();
      if (oldest === null) break;
      this.#close(oldest, "headers");
    }
  }

  /** The header of a request is complete. A connection that has too many in flight is closed. */
  requestBegan(socket: Closable): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#waiting.delete(socket);
    connection.numInFlight++;
    connection.progressMs = this.#clock();
    connection.inFlightHeaderBytes += connection.unfinishedHeaderBytes;
    connection.unfinishedHeaderBytes = 0;
    if (connection.numInFlight > mostInFlight) this.#close(socket, "pipelining");
  }

  /** The answer has been given to the operating system, or the connection has closed. */
  requestEnded(socket: Closable): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined || connection.numInFlight === 0) return;
    if (--connection.numInFlight > 0) return;
    this.#headerBytes -= connection.inFlightHeaderBytes;
    connection.inFlightHeaderBytes = 0;
    connection.waitingSinceMs = this.#clock();
    this.#waiting.add(socket);
  }

  /** Whether the connection is one too many; one that was becomes an ordinary one where others have gone. */
  isSurplus(socket: Closable): boolean {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return false;
    if (connection.isSurplus && this.#connections.size <= this.limits.mostConnections)
      connection.isSurplus = false;
    if (connection.isSurplus) this.#numRefused++;
    return connection.isSurplus;
  }

  /** Closes connections whose clients do not read. O(connections): call it some times a second. */
  sweep(): void {
    const nowMs = this.#clock();
    let unsentBytes = 0;
    let most: Closable | null = null;
    for (const [socket, connection] of this.#connections) {
      const numBytes = socket.writableLength;
      if (numBytes === 0 || socket.bytesWritten !== connection.bytesWritten) {
        connection.bytesWritten = socket.bytesWritten;
        connection.progressMs = nowMs;
      } else if (nowMs - connection.progressMs > stalledMs) {
        this.#close(socket, "stalled");
        continue;
      }
      unsentBytes += numBytes;
      if (numBytes > (most?.writableLength ?? 0)) most = socket;
    }
    if (most === null || unsentBytes <= this.limits.unsentCapacityBytes) return;
    this.#close(most, "unread");
    this.sweep();
  }

  /** Room for one more, as far as others have waited long enough. */
  #makeRoom(nowMs: number): void {
    for (const socket of this.#waiting) {
      if (this.#connections.size < this.limits.mostConnections) return;
      const { waitingSinceMs } = this.#connections.get(socket) ?? { waitingSinceMs: nowMs };
      if (nowMs - waitingSinceMs < patienceMs) return;
      this.#close(socket, "idle");
    }
  }

  #oldestWithHeader(): Closable | null {
    for (const socket of this.#waiting)
      if ((this.#connections.get(socket)?.unfinishedHeaderBytes ?? 0) > 0) return socket;
    for (const [socket, { inFlightHeaderBytes, numInFlight }] of this.#connections)
      if (inFlightHeaderBytes > mostHeaderBytes && numInFlight > 1) return socket;
    return null;
  }

  #close(socket: Closable, because: ClosedBecause): void {
    this.closed[because]++;
    this.gone(socket);
    socket.destroy();
  }
}
