/** @module What a server says of its memory, now or once every request has given its blocks back. */
import { setTimeout as pause } from "node:timers/promises";
import type { MemoryReport } from "../../core/memory-report.ts";

const pollMs = 50;
const mostPolls = 600;

export async function memoryReport(url: string): Promise<MemoryReport> {
  return (await (await fetch(`${url}/admin/memory`)).json()) as MemoryReport;
}

/** Clients that have left may still be in the step that runs. The last report, whatever it says, after half a minute. */
export async function settledMemoryReport(url: string): Promise<MemoryReport> {
  let report = await memoryReport(url);
  for (let i = 0; i < mostPolls && report.blocks.numReferenced > 0; i++) {
    await pause(pollMs);
    report = await memoryReport(url);
  }
  return report;
}
