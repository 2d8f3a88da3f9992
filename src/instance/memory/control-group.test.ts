import assert from "node:assert/strict";
import { test } from "node:test";
import { gib, mib } from "../../core/byte-size.ts";
import { inactiveFileBytes } from "./control-group.ts";
import { availableBytesOf } from "./device-memory.ts";

function inactiveIn(files: Readonly<Record<string, string>>): number {
  return inactiveFileBytes((path) => files[path] ?? null);
}

const version2 =
  "anon 41943040\nfile 300000000\ninactive_anon 0\ninactive_file 290000000\nactive_file 10000000\n";
const version1 = "cache 9\ninactive_file 7\nactive_file 2\ntotal_cache 900\ntotal_inactive_file 700\n";

test("the page cache that a container's kernel would give back, in both versions", () => {
  const ownTree = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.stat": version2 };
  assert.equal(inactiveIn(ownTree), 290_000_000);
  const below = { "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.stat": version2 };
  assert.equal(inactiveIn(below), 290_000_000);
  const groups1 = "12:pids:/docker/x\n4:memory:/docker/x\n0::/\n";
  const folder1 = "/sys/fs/cgroup/memory";
  assert.equal(
    inactiveIn({ "/proc/self/cgroup": groups1, [`${folder1}/docker/x/memory.stat`]: version1 }),
    700,
  );
  assert.equal(inactiveIn({ "/proc/self/cgroup": groups1, [`${folder1}/memory.stat`]: version1 }), 700);
});

test("where the kernel does not say, nothing is given back", () => {
  assert.equal(inactiveIn({}), 0);
  assert.equal(inactiveIn({ "/proc/self/cgroup": "0::/a\n" }), 0);
  assert.equal(
    inactiveIn({ "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.stat": "anon 4\nfile 5\n" }),
    0,
  );
});

test("a cache that was just written leaves the memory of a container available", () => {
  const container = { totalBytes: gib, residentBytes: 90 * mib };
  const justUnpacked = { ...container, freeBytes: 600 * mib, inactiveBytes: 300 * mib };
  assert.equal(availableBytesOf(justUnpacked), 900 * mib);
  // This process's own pages may be among the cache: the two are not added.
  assert.equal(availableBytesOf({ ...justUnpacked, inactiveBytes: 0 }), 690 * mib);
  assert.equal(availableBytesOf({ ...justUnpacked, inactiveBytes: 50 * mib }), 690 * mib);
});

test("no more is available than there is", () => {
  const readings = { totalBytes: gib, residentBytes: 90 * mib, freeBytes: 0.9 * gib, inactiveBytes: gib };
  assert.equal(availableBytesOf(readings), gib);
});
