/** @module How many processors this process may use: CPU affinity and the control group's quota. */
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
    return null; // Another version of control groups, or no control groups.
  }
}
