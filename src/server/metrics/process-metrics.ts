/** @module The process as every Prometheus client library reports it: `process_*`. */
import { readdirSync, readFileSync } from "node:fs";
import type { Instruments } from "./instruments.ts";
import type { MetricName } from "./metric-table.ts";

const bytesPerPage = 4096;

/** Figures that the operating system does not report are left out. */
export function readProcess(instruments: Instruments): void {
  const { user, system } = process.cpuUsage();
  const seconds = (microseconds: number): number => microseconds / 1e6;
  instruments.setCounter("process_cpu_seconds_total", seconds(user + system), {});
  const startSeconds = performance.timeOrigin / 1000;
  instruments.setGauge("process_start_time_seconds", startSeconds, {});
  const residentBytes = process.memoryUsage.rss();
  instruments.setGauge("process_resident_memory_bytes", residentBytes, {});
  const optional: readonly [name: MetricName, read: () => number][] = [
    ["process_virtual_memory_bytes", virtualBytes],
    ["process_open_fds", () => readdirSync("/proc/self/fd").length],
    ["process_max_fds", mostDescriptors],
  ];
  for (const [name, read] of optional) {
    const value = valueOrNull(read);
    if (value !== null) instruments.setGauge(name, value, {});
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
