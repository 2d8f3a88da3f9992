import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { cgroupQuota, grantedProcessors } from "./processors.ts";

/** Runs `body` over a folder that looks like the root of a system with these files. */
function withSystem(files: Readonly<Record<string, string>>, body: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), "pagoda-cgroup-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, name)), { recursive: true });
      writeFileSync(join(root, name), text);
    }
    body(`${root}/`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

describe("processors that affinity and the quota grant", () => {
  it("version 2: the smallest quota of the group and its parents", () =>
    withSystem(
      {
        "proc/self/cgroup": "0::/service/one\n",
        "sys/fs/cgroup/service/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/service/one/cpu.max": "max 100000\n",
      },
      (root) => {
        assert.equal(cgroupQuota(root), 1.5);
        assert.equal(grantedProcessors(root), 1);
      },
    ));

  it("version 2 in a container that sees its own group as the root", () =>
    withSystem({ "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n" }, (root) => {
      assert.equal(cgroupQuota(root), 0.5);
      assert.equal(grantedProcessors(root), 1);
    }));

  it("version 1: quota and period in two files, −1 for no quota", () =>
    withSystem(
      {
        "proc/self/cgroup": "4:memory:/job\n3:cpu,cpuacct:/job\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "100000\n",
        "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
      },
      (root) => assert.equal(cgroupQuota(root), 1),
    ));

  it("without control groups, only affinity counts", () =>
    withSystem({}, (root) => {
      assert.equal(cgroupQuota(root), null);
      assert.equal(grantedProcessors(root), availableParallelism());
    }));
});
