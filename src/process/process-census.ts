/**
 * @module The processes of many instances, found in one pass over /proc. A pass reads what it has not seen before, so that it
 * costs little while nothing starts: whether a process belongs to an instance is decided at its start, by its session and
 * by a mark in its environment, both of which it has from its parent.
 */
import {
  allPids,
  environmentValue,
  type ProcessIdentity,
  type ProcessStat,
  readProcessStat,
} from "./process-identity.ts";

/** A process as the last pass has seen it. */
export interface CountedProcess extends ProcessIdentity {
  /** Pages in memory, shared ones too. */
  readonly residentPages: number;
}

interface Known {
  readonly stat: ProcessStat;
  /** Of the variable; null: it has none, or is another user's. */
  readonly tag: string | null;
  /** A process that is seen for the first time may not have come to its own program yet: it is read twice. */
  readonly isReadTwice: boolean;
}

/** After so many passes each process is read anew: its number may be another's by then, and its session another one. */
const passesBetweenReadings = 30;

export class ProcessCensus {
  readonly #variable: string;
  #known = new Map<number, Known>();
  /** Sessions that were asked for: what their processes hold is read in each pass. */
  readonly #sessions = new Set<number>();
  #numPasses = 0;

  /** `variable`: the environment variable that marks the processes of an instance. */
  constructor(variable: string) {
    this.#variable = variable;
  }

  /** Goes through /proc once. */
  look(): void {
    const isAnew = this.#numPasses % passesBetweenReadings === 0;
    this.#numPasses += 1;
    if (isAnew) this.#sessions.clear();
    const before = this.#known;
    this.#known = new Map();
    for (const pid of allPids()) {
      const known = before.get(pid);
      const now = (isAnew ? null : this.#still(known, pid)) ?? this.#read(pid, known !== undefined);
      if (now !== null) this.#known.set(pid, now);
    }
  }

  /** Members of the session that this process heads, and those that carry the tag, as the last pass has seen them. */
  membersOf(leader: ProcessIdentity, tag: string): CountedProcess[] {
    this.#sessions.add(leader.pid);
    const head = this.#known.get(leader.pid);
    const isOther = head !== undefined && head.stat.startTicks !== leader.startTicks;
    const found: CountedProcess[] = [];
    for (const { stat, tag: own } of this.#known.values()) {
      if (stat.hasEnded) continue;
      const isOfSession = !isOther && stat.sessionId === leader.pid && stat.startTicks >= leader.startTicks;
      if (isOfSession || own === tag) found.push(stat);
    }
    return found;
  }

  /** Any process, as the last pass has seen it. */
  find(pid: number): CountedProcess | null {
    const stat = this.#known.get(pid)?.stat;
    if (stat !== undefined) this.#sessions.add(stat.sessionId);
    return stat ?? null;
  }

  /** What was known of a process that is the same still; those of instances are read again, for what they hold. */
  #still(known: Known | undefined, pid: number): Known | null {
    if (known?.isReadTwice !== true) return null;
    if (known.tag === null && !this.#sessions.has(known.stat.sessionId)) return known;
    const stat = readProcessStat(pid);
    return stat !== null && stat.startTicks === known.stat.startTicks ? { ...known, stat } : null;
  }

  #read(pid: number, isReadTwice: boolean): Known | null {
    const stat = readProcessStat(pid);
    return stat === null ? null : { stat, tag: environmentValue(pid, this.#variable), isReadTwice };
  }
}
