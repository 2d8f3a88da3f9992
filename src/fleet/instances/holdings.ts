/** @module What the process trees of a fleet hold of the host, counted for all of them in one pass. */
import { MemoryReadings } from "../../process/memory-readings.ts";
import { type CountedProcess, ProcessCensus } from "../../process/process-census.ts";
import type { ProcessIdentity } from "../../process/process-identity.ts";
import type { ProportionalMemory } from "../../process/process-memory.ts";
import { tagVariable } from "./instance-process.ts";

/** The first process of an instance, and the mark of all of them. */
export interface ProcessTree {
  readonly identity: ProcessIdentity;
  readonly tag: string;
}

export interface TreeHoldings extends ProportionalMemory {
  readonly pids: readonly number[];
}

export class Holdings {
  readonly #census = new ProcessCensus(tagVariable);
  readonly #readings: MemoryReadings;

  /** `clock`: monotonic milliseconds. */
  constructor(clock: () => number) {
    this.#readings = new MemoryReadings(clock);
  }

  /** Counts all trees, and this process itself. */
  count(trees: readonly ProcessTree[]): void {
    this.#census.look();
    this.#readings.readAll([...trees.flatMap((tree) => this.#membersOf(tree)), ...this.#self()]);
  }

  /** Counts one tree, whatever is known of it. */
  countOne(tree: ProcessTree): void {
    this.#census.look();
    this.#readings.read(this.#membersOf(tree));
  }

  /** As last counted. */
  of(tree: ProcessTree): TreeHoldings {
    const members = this.#membersOf(tree);
    return { ...this.#readings.sumOf(members), pids: members.map(({ pid }) => pid) };
  }

  /** This process, as last counted. */
  own(): ProportionalMemory {
    return this.#readings.sumOf(this.#self());
  }

  #membersOf({ identity, tag }: ProcessTree): CountedProcess[] {
    return this.#census.membersOf(identity, tag);
  }

  #self(): CountedProcess[] {
    const own = this.#census.find(process.pid);
    return own === null ? [] : [own];
  }
}
