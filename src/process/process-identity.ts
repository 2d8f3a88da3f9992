/**
 * @module The identity of a process: its id and the moment of its start, because the system reuses ids.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after the boot: field 22 of /proc/PID/stat (proc(5)). */
  readonly startTicks: number;
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && "code" in error && ["ENOENT", "ESRCH", "EACCES"].includes(String(error.code));

function processFile(pid: number, name: "stat" | "environ"): string | null {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** What /proc/PID/stat says of a process (proc(5)). */
export interface ProcessStat extends ProcessIdentity {
  readonly sessionId: number;
  /** Its parent has not collected it yet. */
  readonly hasEnded: boolean;
  /** Pages in memory, shared ones too. */
  readonly residentPages: number;
}

/** null where no such process is. */
export function readProcessStat(pid: number): ProcessStat | null {
  const stat = processFile(pid, "stat");
  if (stat === null) return null;
  // Behind the command's name, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    pid,
    startTicks: Number(fields[19]),
    sessionId: Number(fields[3]),
    hasEnded: fields[0] === "Z" || fields[0] === "X",
    residentPages: Number(fields[21]),
  };
}

/** null if no such process runs, or if it has ended and its parent has not collected it yet. */
export function identify(pid: number): ProcessIdentity | null {
  const stat = readProcessStat(pid);
  return stat === null || stat.hasEnded ? null : { pid, startTicks: stat.startTicks };
}

/** Whether this process, and not another one with its id, still runs. */
export function isRunning(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTicks === process.startTicks;
}

/**
 * Every process of a session, its leader or not, that started no earlier than the leader. A session keeps its number while
 * one of its processes lives; once all have ended, another process may get it.
 */
export function processesOfSession(leader: ProcessIdentity): ProcessIdentity[] {
  const now = identify(leader.pid);
  if (now !== null && now.startTicks !== leader.startTicks) return [];
  return allPids().flatMap((pid) => {
    const stat = readProcessStat(pid);
    if (stat === null || stat.hasEnded || stat.sessionId !== leader.pid) return [];
    return stat.startTicks >= leader.startTicks ? [{ pid, startTicks: stat.startTicks }] : [];
  });
}

/** Of every process of the machine. */
export function allPids(): number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/** The value of a variable of a process; null where it has none, or is another user's. */
export function environmentValue(pid: number, name: string): string | null {
  const beginning = `${name}=`;
  const entry = processFile(pid, "environ")
    ?.split("\0")
    .find((variable) => variable.startsWith(beginning));
  return entry?.slice(beginning.length) ?? null;
}

/** Every process, of this user's, in whose environment `NAME=value` stands: children inherit it. */
export function processesWith(name: string, value: string): ProcessIdentity[] {
  return allPids().flatMap((pid) => {
    const identity = environmentValue(pid, name) === value ? identify(pid) : null;
    return identity === null ? [] : [identity];
  });
}

export interface TaggedProcess extends ProcessIdentity {
  /** What stands behind the name. */
  readonly value: string;
}

/** Every process, of this user's, in whose environment `NAME=` is followed by a value that begins so. */
export function processesTagged(name: string, prefix: string): TaggedProcess[] {
  return allPids().flatMap((pid) => {
    const value = environmentValue(pid, name);
    const identity = value?.startsWith(prefix) === true ? identify(pid) : null;
    return identity === null || value === null ? [] : [{ ...identity, value }];
  });
}
