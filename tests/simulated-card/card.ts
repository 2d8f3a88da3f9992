/**
 * @module A card without a card: bytes that processes take over a connection and lose when it breaks, at once or later, as a
 * driver gives memory back after a process has ended. Written from ../shared/specs, apart from the planner.
 */

import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";

export interface Holder {
  readonly pid: number;
  readonly name: string;
  heldBytes: number;
}

/** A question of a process, one JSON line each: `take` bytes (negative: give back), or look only. */
interface Question {
  readonly pid: number;
  readonly name: string;
  readonly take?: number;
}

export interface CardState {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Whether the bytes were there; false is an out-of-memory error. */
  readonly isTaken: boolean;
  /** A process that measures is to wait: the test lets something happen. */
  readonly isHeld: boolean;
}

export class SimulatedCard {
  readonly totalBytes: number;
  /** Bytes of processes that have ended stay taken until `giveBack`. */
  isLate = false;
  isHeld = false;
  readonly #server: Server;
  readonly #holders = new Set<Holder>();
  readonly #gone = new Set<Holder>();
  readonly #sockets = new Set<Socket>();
  /** Bytes that each kind of process has held, in the order of its takes. */
  readonly taken: { readonly pid: number; readonly name: string; readonly bytes: number }[] = [];

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async listen(): Promise<number> {
    await new Promise<void>((listening) => this.#server.listen(0, "127.0.0.1", listening));
    return (this.#server.address() as AddressInfo).port;
  }

  get holders(): readonly Holder[] {
    return [...this.#holders];
  }

  get usedBytes(): number {
    return this.holders.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  /** Somebody else's process; the result ends it. */
  foreign(pid: number, name: string, heldBytes: number): () => void {
    const holder = { pid, name, heldBytes };
    this.#holders.add(holder);
    return () => this.#holders.delete(holder);
  }

  giveBack(): void {
    this.isLate = false;
    for (const holder of this.#gone) this.#holders.delete(holder);
    this.#gone.clear();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    let holder: Holder | null = null;
    createInterface({ input: socket })
      .on("line", (line) => {
        const { pid, name, take = 0 } = JSON.parse(line) as Question;
        if (holder === null) {
          holder = { pid, name, heldBytes: 0 };
          this.#holders.add(holder);
        }
        const isTaken = take <= this.totalBytes - this.usedBytes;
        if (isTaken) holder.heldBytes += take;
        if (isTaken && take > 0) this.taken.push({ pid, name, bytes: take });
        const state: CardState = {
          totalBytes: this.totalBytes,
          freeBytes: this.totalBytes - this.usedBytes,
          isTaken,
          isHeld: this.isHeld,
        };
        socket.write(`${JSON.stringify(state)}\n`);
      })
      .on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (holder === null) return;
      if (this.isLate) this.#gone.add(holder);
      else this.#holders.delete(holder);
    });
  }
}
