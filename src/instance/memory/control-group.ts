/** @module What the kernel says of the control group (the container) that this process is in. */

/** A file system of texts: null where there is no such file. */
type ReadText = (path: string) => string | null;

const controllers = "/sys/fs/cgroup";

/**
 * Bytes of the group that the kernel takes back before it refuses an allocation: the page cache of files, in use lately or
 * not, and its own caches that shrink. They count as used. Memory of tmpfs is not among them. 0 where the kernel does not
 * say.
 */
export function reclaimableBytes(readText: ReadText): number {
  const groups = readText("/proc/self/cgroup") ?? "";
  for (const folder of memoryFolders(groups)) {
    const statistics = readText(`${folder}/memory.stat`);
    if (statistics !== null && /^inactive_file \d+$/m.test(statistics))
      return reclaimable.reduce((sum, name) => sum + fieldOf(statistics, name), 0);
  }
  return 0;
}

const reclaimable = ["inactive_file", "active_file", "slab_reclaimable"] as const;

/** Version 1 has the group's own figure under the short name, and that of the groups below it in the long one too. */
function fieldOf(statistics: string, name: string): number {
  const found =
    new RegExp(`^total_${name} (\\d+)$`, "m").exec(statistics) ??
    new RegExp(`^${name} (\\d+)$`, "m").exec(statistics);
  return Number(found?.[1] ?? 0);
}

/**
 * Where the group's files are, for either version; the first that exists counts, as it does for the bytes in use that
 * Node reads. A container that has a tree of its own in version 1 sees its group at the root.
 */
function memoryFolders(groups: string): readonly string[] {
  // Version 2 alone has one line; beside version 1, which then has the memory, its line is not the first.
  const [, unified] = /^0::(\/.*)/.exec(groups) ?? [];
  if (unified !== undefined) return [folderOf(controllers, unified)];
  const [, path = "/"] = /:memory:(\/.*)/.exec(groups) ?? [];
  return [folderOf(`${controllers}/memory`, path), `${controllers}/memory`];
}

function folderOf(mount: string, path: string): string {
  return path === "/" ? mount : `${mount}${path}`;
}
