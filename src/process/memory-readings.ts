/**
 * @module What processes hold, read again where it may have changed. A share of pages (PSS) takes milliseconds, because the
 * system goes through the whole page table; the number of resident pages takes microseconds. So the share is read again when
 * that number has changed, when another process has come or gone, with which pages may be shared, and from time to time.
 */
import type { CountedProcess } from "./process-census.ts";
import { type ProportionalMemory, proportionalMemory } from "./process-memory.ts";

interface Reading {
  readonly startTicks: number;
  readonly residentPages: number;
  readonly memory: ProportionalMemory;
  readonly atMs: number;
}

/** A change of less than this part of what is resident is none. */
const leastChange = 0.0025;
/** Pages may be shared with processes that nobody counts. */
const mostAgeMs = 30_000;

export class MemoryReadings {
  readonly #clock: () => number;
  readonly #read: (pids: readonly number[]) => ProportionalMemory;
  #readings = new Map<number, Reading>();

  /** `clock`: monotonic milliseconds. */
  constructor(
    clock: () => number,
    read: (pids: readonly number[]) => ProportionalMemory = proportionalMemory,
  ) {
    this.#clock = clock;
    this.#read = read;
  }

  /** Of each process of the list, which is to be the whole of those that are counted. */
  readAll(processes: readonly CountedProcess[]): void {
    const before = this.#readings;
    const isSameSet =
      before.size === processes.length &&
      processes.every(({ pid, startTicks }) => before.get(pid)?.startTicks === startTicks);
    this.#readings = new Map();
    for (const counted of processes) {
      const known = before.get(counted.pid);
      const isKept = isSameSet && known !== undefined && this.#isFresh(known, counted);
      this.#readings.set(counted.pid, isKept ? known : this.#readingOf(counted));
    }
  }

  /** Of these, whatever is known of them. */
  read(processes: readonly CountedProcess[]): void {
    for (const counted of processes) this.#readings.set(counted.pid, this.#readingOf(counted));
  }

  /** Summed over these processes; one that `readAll` has not seen counts nothing. */
  sumOf(processes: readonly CountedProcess[]): ProportionalMemory {
    let [heldBytes, unreclaimableBytes] = [0, 0];
    for (const { pid } of processes) {
      const memory = this.#readings.get(pid)?.memory;
      heldBytes += memory?.heldBytes ?? 0;
      unreclaimableBytes += memory?.unreclaimableBytes ?? 0;
    }
    return { heldBytes, unreclaimableBytes };
  }

  #isFresh({ residentPages, atMs }: Reading, now: CountedProcess): boolean {
    const change = Math.abs(now.residentPages - residentPages);
    return change <= leastChange * residentPages && this.#clock() - atMs < mostAgeMs;
  }

  #readingOf({ pid, startTicks, residentPages }: CountedProcess): Reading {
    return { startTicks, residentPages, memory: this.#read([pid]), atMs: this.#clock() };
  }
}
