/** @module A connection to an HTTP/1.1 server that carries one exchange at a time. */
import { connect, type Socket } from "node:net";
import { Exchange } from "./exchange.ts";
import { ResponseParser } from "./response-parser.ts";

export interface SentRequest {
  readonly method: string;
  /** The request line and the headers, with the empty line after them. */
  readonly head: string;
  readonly body: Uint8Array | null;
}

export class Connection {
  readonly #socket: Socket;
  readonly #parser: ResponseParser;
  readonly #onIdle: (connection: Connection) => void;
  #exchange: Exchange | null = null;
  #keepsAlive = false;
  #numExchanges = 0;
  #error: Error | null = null;
  /** When it became idle, monotonic milliseconds. */
  idleSinceMs = 0;

  /** `onIdle`: it may carry another exchange. */
  constructor(host: string, port: number, onIdle: (connection: Connection) => void) {
    this.#onIdle = onIdle;
    this.#socket = connect({ host, port, noDelay: true });
    this.#parser = new ResponseParser({
      onHead: (head) => {
        this.#keepsAlive = head.keepsAlive;
        this.#exchange?.began(head);
      },
      onBody: (piece) => this.#exchange?.arrived(piece),
      onEnd: () => this.#ended(),
    });
    this.#socket.on("data", (piece: Buffer) => this.#read(piece));
    this.#socket.on("error", (error) => {
      this.#error = error;
    });
    this.#socket.once("end", () => this.#socket.destroy());
    this.#socket.once("close", () => this.#closed());
  }

  /** Whether it has carried an exchange before: its server may have closed it meanwhile. */
  get isUsed(): boolean {
    return this.#numExchanges > 1;
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && this.#socket.readable;
  }

  /** Sends a request; `isOpen` and idle. */
  send({ method, head, body }: SentRequest): Exchange {
    this.#numExchanges += 1;
    this.#keepsAlive = false;
    this.#parser.begin(method);
    const exchange = new Exchange({
      pause: () => this.#socket.pause(),
      resume: () => this.#socket.resume(),
      abandon: () => this.close(),
    });
    this.#exchange = exchange;
    this.#socket.ref();
    if (body === null) this.#socket.write(head, "latin1");
    else {
      this.#socket.cork();
      this.#socket.write(head, "latin1");
      this.#socket.write(body);
      this.#socket.uncork();
    }
    return exchange;
  }

  close(): void {
    this.#exchange = null;
    this.#socket.destroy();
  }

  #read(piece: Buffer): void {
    try {
      this.#parser.read(piece);
    } catch (thrown) {
      this.#error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#socket.destroy();
    }
  }

  #ended(): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    if (this.#keepsAlive && this.isOpen) {
      this.#socket.resume();
      this.#socket.unref();
      this.#onIdle(this);
    } else this.#socket.destroy();
    exchange?.ended(null);
  }

  #closed(): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#parser.end();
    // An answer without a length ends with its connection.
    if (this.#exchange === null) return;
    this.#exchange = null;
    exchange.ended(this.#error ?? new Error("the connection was closed"));
  }
}
