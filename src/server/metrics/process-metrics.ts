/** @module The process as every Prometheus client library reports it: `process_*`. */
import { readdirSync, readFileSync } from "node:fs";
import type { Instruments } from "./instruments.ts";

const bytesPerPage = 4096;

/** Figures that the operating system does not report are left out. */
export function readProcess(instruments: Instruments): void {
  const { user, system } = process.cpuUsage();
  const seconds = (microseconds: number): number => microseconds / 1e6;
  instruments.setCounter(
    "process_cpu_seconds_total",
    "Processor time, user and system.",
    seconds(user + system),
    {},
  );
  const startSeconds = performance.timeOrigin / 1000;
  instruments.setGauge("process_start_time_seconds", "Start of the process, Unix time.", startSeconds, {});
  const residentBytes = process.memoryUsage.rss();
  instruments.setGauge("process_resident_memory_bytes", "Resident size.", residentBytes, {});
  const optional: readonly [name: string, help: string, read: () => number][] = [
    ["process_virtual_memory_bytes", "Size of the address space.", virtualBytes],
    ["process_open_fds", "Open file descriptors.", () => readdirSync("/proc/self/fd").length],
    ["process_max_fds", "Most open file descriptors.", mostDescriptors],
  ];
  for (const [name, help, read] of optional) {
    const value = valueOrNull(read);
    if (value !== null) instruments.setGauge(name, help, value, {});
  }
}

function valueOrNull(read: () => number): number | null {
  try {
    const value = read();
    return Number.isFinite(value) ? value : null;
  } catch {
    // Only Linux has /proc.
    return null;
  }
}

function virtualBytes(): number {
  const [numPages] = readFileSync("/proc/self/statm", "utf8").split(" ");
  return Number(numPages) * bytesPerPage;
}

function mostDescriptors(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
}
