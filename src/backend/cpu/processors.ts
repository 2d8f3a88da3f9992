/** @module How many processors this process may really use: affinity and the control group's quota. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/**
 * Processors that affinity (`sched_getaffinity`, through libuv) and the cgroup quota grant; at least 1. A quota that is
 * not a whole number is rounded down, since a thread beyond it would be throttled while the others wait for it.
 */
export function grantedProcessors(root = "/"): number {
  const quota = cgroupQuota(root);
  const granted =
    quota === null ? availableParallelism() : Math.min(availableParallelism(), Math.floor(quota));
  return Math.max(1, granted);
}

/**
 * The processor of one thread as a mask like `allowed` (bit p of byte p ÷ 8 is processor p): the thread-th that is allowed.
 * null unless there are exactly `numThreads` of them.
 */
export function maskOfOne(allowed: Uint8Array, thread: number, numThreads: number): Uint8Array | null {
  const processors = [...allowed].flatMap((bits, byte) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => ((bits >> bit) & 1) === 1).map((bit) => 8 * byte + bit),
  );
  const own = processors[thread];
  if (processors.length !== numThreads || own === undefined) return null;
  const mask = new Uint8Array(allowed.length);
  mask[own >> 3] = 1 << (own & 7);
  return mask;
}

/**
 * The smallest processor quota of this process's control group and its parents, in processors; null where none is set.
 * Version 2 writes "QUOTA PERIOD" or "max PERIOD" in cpu.max; version 1 has two files and −1 for none.
 */
export function cgroupQuota(root = "/"): number | null {
  const membership = readText(`${root}proc/self/cgroup`) ?? "";
  const quotas = membership
    .split("\n")
    .flatMap((line) => groupFolders(root, line))
    .map((folder) => folderQuota(folder))
    .filter((quota) => quota !== null);
  return quotas.length === 0 ? null : Math.min(...quotas);
}

/** Folders to look into for one line "id:controllers:path" of /proc/self/cgroup, the group itself and all its parents. */
function groupFolders(root: string, line: string): string[] {
  const [, controllers, ...rest] = line.split(":");
  if (controllers === undefined) return [];
  const path = rest.join(":");
  const isVersion2 = controllers === "";
  if (!isVersion2 && !controllers.split(",").includes("cpu")) return [];
  const mounts = isVersion2 ? ["", "unified"] : ["cpu", "cpu,cpuacct"];
  return mounts.flatMap((mount) => parentsOf(path).map((group) => `${root}sys/fs/cgroup/${mount}/${group}`));
}

/** "/a/b" → "", "a", "a/b". A container may see only its own group, mounted as the root: that is the "" entry. */
function parentsOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== "..");
  return [...Array(names.length + 1).keys()].map((depth) => names.slice(0, depth).join("/"));
}

function folderQuota(folder: string): number | null {
  const version2 = readText(`${folder}/cpu.max`)?.trim().split(/\s+/);
  const [quota, period] = version2 ?? [
    readText(`${folder}/cpu.cfs_quota_us`),
    readText(`${folder}/cpu.cfs_period_us`),
  ];
  const processors = Number(quota) / Number(period);
  return Number.isFinite(processors) && processors > 0 ? processors : null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null; // not this version of control groups, or none at all
  }
}
