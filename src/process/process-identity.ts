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

/** null if no such process runs, or if it has ended and its parent has not collected it yet. */
export function identify(pid: number): ProcessIdentity | null {
  const fields = statFields(pid);
  if (fields === null) return null;
  const [state, startTicks] = [fields[0], Number(fields[19])];
  return state === "Z" || state === "X" ? null : { pid, startTicks };
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
    const fields = statFields(pid);
    if (fields === null || Number(fields[3]) !== leader.pid) return [];
    const identity = identify(pid);
    return identity !== null && identity.startTicks >= leader.startTicks ? [identity] : [];
  });
}

function allPids(): number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/** The fields of /proc/PID/stat behind the command's name, which may hold anything; null where no such process runs. */
function statFields(pid: number): string[] | null {
  const stat = processFile(pid, "stat");
  return stat === null ? null : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Every process, of this user's, in whose environment `NAME=value` stands: children inherit it. */
export function processesWith(name: string, value: string): ProcessIdentity[] {
  const entry = `${name}=${value}`;
  const found: ProcessIdentity[] = [];
  for (const pid of allPids()) {
    if (!processFile(pid, "environ")?.split("\0").includes(entry)) continue;
    const identity = identify(pid);
    if (identity !== null) found.push(identity);
  }
  return found;
}

export interface TaggedProcess extends ProcessIdentity {
  /** What stands behind the name. */
  readonly value: string;
}

/** Every process, of this user's, in whose environment `NAME=` is followed by a value that begins so. */
export function processesTagged(name: string, prefix: string): TaggedProcess[] {
  const beginning = `${name}=${prefix}`;
  return readdirSync("/proc").flatMap((directory) => {
    const pid = Number(directory);
    if (!Number.isInteger(pid)) return [];
    const entry = processFile(pid, "environ")
      ?.split("\0")
      .find((variable) => variable.startsWith(beginning));
    const identity = entry === undefined ? null : identify(pid);
    return identity === null || entry === undefined
      ? []
      : [{ ...identity, value: entry.slice(name.length + 1) }];
  });
}
