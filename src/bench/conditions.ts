/** @module The conditions of a measurement: machine and commit. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";

export interface Conditions {
  readonly takenAt: string;
  readonly processor: string;
  readonly processorFeatures: readonly string[];
  readonly numProcessors: number;
  readonly memoryBytes: number;
  readonly node: string;
  /** Commit of the measured program, followed by `+` if the tree had changes. */
  readonly commit: string;
}

const notable = ["avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni"];

export function readConditions(folder: string): Conditions {
  const cpuinfo = readFileSync("/proc/cpuinfo", "utf8");
  const flags = new Set((/^flags\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? "").split(" "));
  return {
    takenAt: new Date().toISOString(),
    processor: /^model name\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? "unknown",
    processorFeatures: notable.filter((feature) => flags.has(feature)),
    numProcessors: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.version,
    commit: commitOf(folder),
  };
}

function commitOf(folder: string): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", ["-C", folder, ...args], { encoding: "utf8" }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain") === "" ? "" : "+");
  } catch {
    return "not a git checkout";
  }
}
