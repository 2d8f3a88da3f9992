import assert from "node:assert/strict";
import { test } from "node:test";
import { gib, mib } from "../../core/byte-size.ts";
import { reclaimableBytes } from "./control-group.ts";
import { availableBytesOf, readDeviceMemory } from "./device-memory.ts";
import { readProcessMemory } from "./process-memory.ts";

function reclaimableIn(files: Readonly<Record<string, string>>): number {
  return reclaimableBytes((path) => files[path] ?? null);
}

const version2 =
  "anon 41943040\nfile 340000000\nshmem 40000000\ninactive_anon 0\ninactive_file 290000000\nactive_file 10000000\nslab_reclaimable 500\n";
const version1 =
  "cache 9\ninactive_file 7\nactive_file 2\ntotal_cache 900\ntotal_inactive_file 700\ntotal_active_file 20\n";

test("the page cache that a container's kernel would give back, in both versions; tmpfs is not among it", () => {
  const ownTree = { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.stat": version2 };
  assert.equal(reclaimableIn(ownTree), 300_000_500);
  const below = { "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.stat": version2 };
  assert.equal(reclaimableIn(below), 300_000_500);
  const groups1 = "12:pids:/docker/x\n4:memory:/docker/x\n0::/\n";
  const folder1 = "/sys/fs/cgroup/memory";
  assert.equal(
    reclaimableIn({ "/proc/self/cgroup": groups1, [`${folder1}/docker/x/memory.stat`]: version1 }),
    720,
  );
  assert.equal(reclaimableIn({ "/proc/self/cgroup": groups1, [`${folder1}/memory.stat`]: version1 }), 720);
});

test("where the kernel does not say, nothing is given back", () => {
  assert.equal(reclaimableIn({}), 0);
  assert.equal(reclaimableIn({ "/proc/self/cgroup": "0::/a\n" }), 0);
  assert.equal(
    reclaimableIn({ "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.stat": "anon 4\nfile 5\n" }),
    0,
  );
});

test("a cache that was just written leaves the memory of a container available, and so does this process", () => {
  const container = { totalBytes: gib, ownBytes: 40 * mib };
  assert.equal(
    availableBytesOf({ ...container, freeBytes: 600 * mib, reclaimableBytes: 300 * mib }),
    940 * mib,
  );
  assert.equal(availableBytesOf({ ...container, freeBytes: 600 * mib, reclaimableBytes: 0 }), 640 * mib);
});

test("no more is available than there is", () => {
  const readings = { totalBytes: gib, ownBytes: 90 * mib, freeBytes: 0.9 * gib, reclaimableBytes: gib };
  assert.equal(availableBytesOf(readings), gib);
});

test("this machine's readings are in order", () => {
  const { totalBytes, availableBytes } = readDeviceMemory();
  const { ownBytes, residentBytes, peakResidentBytes } = readProcessMemory();
  assert.ok(0 < ownBytes && ownBytes <= residentBytes && residentBytes <= peakResidentBytes);
  assert.ok(residentBytes < availableBytes && availableBytes <= totalBytes);
});
