/** @module The resident size of this process, now and at its peak. */
import { readFileSync } from "node:fs";
import { kib } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";

export interface ProcessMemory {
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
  /** Of the resident bytes those that are no file's: they go when the process goes. */
  readonly ownBytes: number;
  /** Of the resident bytes those that are pages of files: the executable and its libraries. */
  readonly fileBytes: number;
}

/** VmRSS, VmHWM, RssAnon, RssShmem and RssFile of /proc/self/status; where there is no /proc, what the operating system tells Node. */
export function readProcessMemory(): ProcessMemory {
  if (process.platform !== "linux") {
    const residentBytes = process.memoryUsage.rss();
    const peakResidentBytes = process.resourceUsage().maxRSS * kib;
    return { residentBytes, peakResidentBytes, ownBytes: residentBytes, fileBytes: 0 };
  }
  const status = readFileSync("/proc/self/status", "latin1");
  return {
    residentBytes: field(status, "VmRSS"),
    peakResidentBytes: field(status, "VmHWM"),
    ownBytes: field(status, "RssAnon") + field(status, "RssShmem"),
    fileBytes: field(status, "RssFile"),
  };
}

function field(status: string, name: string): number {
  const [, kibibytes] = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status) ?? [];
  if (kibibytes === undefined)
    throw new PagodaError("internal", `/proc/self/status has no line ${name}.`, {
      hint: "Mount /proc as the kernel offers it.",
    });
  return Number(kibibytes) * kib;
}
