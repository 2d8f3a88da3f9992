/** @module Reads the front of a weight file piece by piece; nothing is allocated beyond what the file really holds. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { isOutOfDescriptors, PagodaError } from "../../core/errors.ts";
import { damagedCheckpoint } from "../files/damage-hints.ts";

const windowBytes = 1 << 20;
const maxNameLength = 512;

/**
 * A cursor over a file's little-endian header.
 *
 *   file    |·····consumed·····|======== window ========|······ not read yet ······|
 *                                  ^ cursor
 *
 * Every read is checked against the file's length first, so a field that lies about a length fails before any
 * memory is set aside for it. The cursor owns the open file: call `close()`.
 */
export class HeaderFile {
  readonly path: string;
  readonly fileBytes: number;
  readonly #descriptor: number;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  #cursor = 0;

  constructor(path: string) {
    this.path = path;
    const { descriptor, fileBytes } = openForReading(path);
    this.#descriptor = descriptor;
    this.fileBytes = fileBytes;
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  /** Bytes from the start of the file to the next field. */
  get position(): number {
    return this.#windowStart + this.#cursor;
  }

  get remainingBytes(): number {
    return this.fileBytes - this.position;
  }

  /** Fails unless `numBytes` more bytes exist; `what` names the field in the message. */
  expect(numBytes: number, what: string): void {
    if (numBytes <= this.remainingBytes) return;
    throw new PagodaError(
      "model_invalid",
      `${this.path}: ${what} at byte ${this.position} needs ${numBytes} bytes, but only ${this.remainingBytes} of the file's ${this.fileBytes} are left.`,
      { hint: "The file is cut short or damaged: download it again." },
    );
  }

  u8(what: string): number {
    return this.#take(1, what).readUInt8(this.#cursor - 1);
  }

  u32(what: string): number {
    return this.#take(4, what).readUInt32LE(this.#cursor - 4);
  }

  /** A 64-bit count or offset; more than 2^53 cannot be real. */
  count(what: string): number {
    const window = this.#take(8, what);
    const value = window.readUInt32LE(this.#cursor - 8) + 2 ** 32 * window.readUInt32LE(this.#cursor - 4);
    if (value <= Number.MAX_SAFE_INTEGER) return value;
    throw new PagodaError(
      "model_invalid",
      `${this.path}: ${what} is ${value}, more than the file's ${this.fileBytes} bytes can hold.`,
      { hint: damagedCheckpoint },
    );
  }

  /** Strings are a 64-bit length and UTF-8 bytes. */
  string(what: string): string {
    const numBytes = this.count(`length of ${what}`);
    return this.text(numBytes, what);
  }

  /** A string that goes into messages and maps: short, printable ASCII, as the format demands of keys and names. */
  name(what: string): string {
    const name = this.string(what);
    if (name.length <= maxNameLength && /^[\x20-\x7e]*$/.test(name)) return name;
    throw new PagodaError(
      "model_invalid",
      `${this.path}: ${what} of ${name.length} characters, ${JSON.stringify(name.slice(0, 40))}…, is not a name.`,
      { hint: damagedCheckpoint },
    );
  }

  text(numBytes: number, what: string): string {
    const window = this.#take(numBytes, what);
    return window.toString("utf8", this.#cursor - numBytes, this.#cursor);
  }

  /** A copy of the next bytes, aligned for typed arrays. */
  bytes(numBytes: number, what: string): Uint8Array<ArrayBuffer> {
    const window = this.#take(numBytes, what);
    return new Uint8Array(window.subarray(this.#cursor - numBytes, this.#cursor));
  }

  #take(numBytes: number, what: string): Buffer {
    if (this.#cursor + numBytes > this.#window.length) {
      this.expect(numBytes, what);
      this.#refill(numBytes);
    }
    this.#cursor += numBytes;
    return this.#window;
  }

  #refill(numBytes: number): void {
    const start = this.position;
    const wanted = Math.min(Math.max(numBytes, windowBytes), this.fileBytes - start);
    const window = Buffer.allocUnsafeSlow(wanted);
    let numRead = 0;
    while (numRead < wanted) {
      const step = readSync(this.#descriptor, window, numRead, wanted - numRead, start + numRead);
      if (step === 0) break;
      numRead += step;
    }
    this.#window = window.subarray(0, numRead);
    this.#windowStart = start;
    this.#cursor = 0;
    if (numRead < numBytes)
      throw new PagodaError("model_invalid", `${this.path}: the file became shorter while it was read.`, {
        hint: "Start again when the file is complete.",
      });
  }
}

function openForReading(path: string): { readonly descriptor: number; readonly fileBytes: number } {
  try {
    const descriptor = openSync(path, "r");
    const stat = fstatSync(descriptor);
    if (stat.isFile()) return { descriptor, fileBytes: stat.size };
    closeSync(descriptor);
  } catch (cause) {
    if (isOutOfDescriptors(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PagodaError("model_invalid", `Cannot open ${path}: ${reason}.`, {
      hint: "Check that the file exists and that this user may read it.",
      cause,
    });
  }
  throw new PagodaError("model_invalid", `${path} is not a file.`, { hint: "Name a regular file." });
}
