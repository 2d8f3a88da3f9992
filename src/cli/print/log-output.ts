/** @module Standard error as the place of a server's log: a line that it does not take is dropped and counted, never waited for. */
import { fstatSync, writeSync } from "node:fs";
import { kib } from "../../core/byte-size.ts";
import type { LogStream } from "./log-format.ts";

const stderrDescriptor = 2;
/** Lines that may wait for the reader of a pipe. */
const mostWaitingBytes = 256 * kib;

/**
 * A pipe or a socket is written asynchronously, and what its reader leaves unread is bounded. A file is written at once:
 * each line is tried anew, so that the log goes on when the disk has room again.
 */
export class LogOutput implements LogStream {
  readonly #isStream: boolean;
  #numDropped = 0;

  constructor() {
    const status = fstatSync(stderrDescriptor);
    this.#isStream = status.isFIFO() || status.isSocket();
    // Others write to standard error too. Without a listener their error would end the process.
    process.stderr.on("error", () => undefined);
  }

  /** Lines that never reached standard error, or not whole. */
  get numDropped(): number {
    return this.#numDropped;
  }

  /** Takes one line with its line end. Never throws, never waits. */
  write(line: string): void {
    if (this.#isStream) this.#writeToStream(line);
    else this.#writeToFile(line);
  }

  #writeToStream(line: string): void {
    const numBytes = Buffer.byteLength(line);
    if (process.stderr.writableLength + numBytes > mostWaitingBytes) {
      this.#numDropped += 1;
      return;
    }
    process.stderr.write(line, (error) => {
      if (error) this.#numDropped += 1;
    });
  }

  #writeToFile(line: string): void {
    const bytes = Buffer.from(line);
    try {
      if (writeSync(stderrDescriptor, bytes) < bytes.length) this.#numDropped += 1;
    } catch {
      this.#numDropped += 1;
    }
  }
}
