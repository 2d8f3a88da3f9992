/**
 * @module A process and all its descendants, read from /proc: vLLM's engine, for example, is a second process.
 *
 * The tree has the children of each member, and every process of the root's own group, so a process whose parent has
 * ended is found too. A process may end while it is read; that is not an error.
 */
import { readdirSync, readFileSync } from "node:fs";
import { kib } from "../core/byte-size.ts";

interface ProcessStat {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  /** User and system time, of children that have ended too. */
  readonly cpuSeconds: number;
}

const ticksPerSecond = 100;

/** The members that run now. The root is, or was, a child of this process. */
function processTree(rootPid: number): ProcessStat[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)));
  const root = all.find(({ pid }) => pid === rootPid);
  // The number of one that has ended may be another's by now.
  if (root !== undefined && root.parentPid !== process.pid) return [];
  const members = all.filter(({ pid, groupId }) => pid === rootPid || groupId === rootPid);
  const memberPids = new Set(members.map(({ pid }) => pid));
  // Grows while it is gone through: the children of a child follow.
  for (const member of members)
    for (const candidate of all)
      if (candidate.parentPid === member.pid && !memberPids.has(candidate.pid)) {
        memberPids.add(candidate.pid);
        members.push(candidate);
      }
  return members;
}

/** Peak resident size (VmHWM) summed over the tree, bytes: pages that members share count for each. NaN once all ended. */
export function peakResidentBytes(rootPid: number): number {
  const peaks = processTree(rootPid).map(({ pid }) => statusBytesOf(pid, "VmHWM"));
  return peaks.length === 0 ? Number.NaN : peaks.reduce((sum, bytes) => sum + bytes, 0);
}

/** Resident size (VmRSS) now, summed over the tree, bytes. NaN once all ended. */
export function residentBytes(rootPid: number): number {
  const sizes = processTree(rootPid).map(({ pid }) => statusBytesOf(pid, "VmRSS"));
  return sizes.length === 0 ? Number.NaN : sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** Processor time that the tree has used so far, seconds; NaN once the root has ended. */
export function cpuSeconds(rootPid: number): number {
  const members = processTree(rootPid);
  if (!members.some(({ pid }) => pid === rootPid)) return Number.NaN;
  return members.reduce((sum, member) => sum + member.cpuSeconds, 0);
}

/** Ends every member that still runs. */
export function killTree(rootPid: number): void {
  for (const { pid } of processTree(rootPid)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}

/** Source: proc(5), /proc/pid/stat. Times are in clock ticks. */
function readStat(pid: number): ProcessStat[] {
  const text = processFile(pid, "stat");
  // The command's name, in parentheses, may hold anything.
  const [, parentPid, groupId, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (groupId === undefined) return [];
  const ticks = rest.slice(8, 12).reduce((sum, field) => sum + Number(field), 0);
  return [
    { pid, parentPid: Number(parentPid), groupId: Number(groupId), cpuSeconds: ticks / ticksPerSecond },
  ];
}

/** 0 for a process that has ended. */
function statusBytesOf(pid: number, field: "VmHWM" | "VmRSS"): number {
  const line = processFile(pid, "status")
    .split("\n")
    .find((text) => text.startsWith(`${field}:`));
  const [, kibibytes = "0"] = /(\d+) kB/.exec(line ?? "") ?? [];
  return Number(kibibytes) * kib;
}

/** Empty once the process has ended. */
function processFile(pid: number, name: "stat" | "status"): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return "";
    throw error;
  }
}
