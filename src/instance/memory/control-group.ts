/** @module What the kernel says of the control group (the container) that this process is in. */

/** A file system of texts: null where there is no such file. */
type ReadText = (path: string) => string | null;

const controllers = "/sys/fs/cgroup";

/**
 * Bytes of the group's page cache that the kernel would give back first: it counts as used, and none of it stands in the
 * way of an allocation. 0 where the kernel does not say.
 */
export function inactiveFileBytes(readText: ReadText): number {
  const groups = readText("/proc/self/cgroup") ?? "";
  for (const folder of memoryFolders(groups)) {
    const statistics = readText(`${folder}/memory.stat`);
    // Version 1 has the group's own cache under the short name, and that of the groups below it in the long one too.
    const found =
      /^total_inactive_file (\d+)$/m.exec(statistics ?? "") ??
      /^inactive_file (\d+)$/m.exec(statistics ?? "");
    if (found !== null) return Number(found[1]);
  }
  return 0;
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
