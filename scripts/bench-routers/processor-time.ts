/** @module Processor time of a process tree, from /proc. */
import { readdirSync, readFileSync } from "node:fs";

/** Nanoseconds that the threads of a process that live now have run. */
export function processorNs(pid: number): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = readText(`/proc/${pid}/task/${task}/schedstat`);
    ns += Number(text?.split(" ")[0] ?? 0);
  }
  return ns;
}

/** Bytes that a process holds in memory. */
export function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`) ?? "") ?? [];
  return Number(kib ?? Number.NaN) * 1024;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
