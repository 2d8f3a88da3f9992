import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { ProcessCensus } from "./process-census.ts";
import { identify, type ProcessIdentity, processesOfSession, processesWith } from "./process-identity.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const variable = "PAGODA_TEST_CENSUS";

/** Heads a session; `start` makes it start a child in a session of its own, `bare` one without the mark. */
const program = `
  const { spawn } = require("node:child_process");
  process.on("message", (what) => {
    const own = what === "start";
    const child = spawn(process.execPath, ["-e", "process.on('message', () => {}); process.send('on')"], {
      detached: own, env: own ? process.env : {}, stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    child.once("message", () => process.send(child.pid));
  });
  process.send("on");`;

async function tree(t: TestContext, tag: string): Promise<{ child: ChildProcess; leader: ProcessIdentity }> {
  const child = spawn(process.execPath, ["-e", program], {
    detached: true,
    env: { ...process.env, [variable]: tag },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await once(child, "message");
  const leader = identify(child.pid ?? 0);
  assert.ok(leader !== null);
  t.after(() => {
    const left = [...processesWith(variable, tag), ...processesOfSession(leader)].map(({ pid }) => pid);
    for (const pid of new Set(left)) process.kill(pid, "SIGKILL");
  });
  return { child, leader };
}

async function started(child: ChildProcess, what: "start" | "bare"): Promise<number> {
  child.send(what);
  const [pid] = (await once(child, "message")) as [number];
  return pid;
}

test("a pass finds what came since the last one: by the mark and by the session", { skip }, async (t) => {
  const tag = `a-${process.pid}`;
  const census = new ProcessCensus(variable);
  const { child, leader } = await tree(t, tag);
  const members = (): number[] => {
    census.look();
    return census
      .membersOf(leader, tag)
      .map(({ pid }) => pid)
      .toSorted();
  };
  assert.deepEqual(members(), [leader.pid]);
  const apart = await started(child, "start");
  assert.deepEqual(members(), [leader.pid, apart].toSorted());
  const bare = await started(child, "bare");
  const all = [leader.pid, apart, bare].toSorted();
  assert.deepEqual(members(), all);
  // The slow way, which reads everything, finds the same.
  const slow = [...processesOfSession(leader), ...processesWith(variable, tag)].map(({ pid }) => pid);
  assert.deepEqual([...new Set(slow)].toSorted(), all);
  const gone = once(child, "exit");
  process.kill(leader.pid, "SIGKILL");
  await gone;
  assert.ok(!members().includes(leader.pid));
});

test("two trees are told apart, and the number of another process heads nothing", { skip }, async (t) => {
  const census = new ProcessCensus(variable);
  const [a, b] = [await tree(t, `b-${process.pid}`), await tree(t, `c-${process.pid}`)];
  census.look();
  const [first] = census.membersOf(a.leader, `b-${process.pid}`);
  assert.equal(first?.pid, a.leader.pid);
  assert.ok((first?.residentPages ?? 0) > 1000);
  assert.equal(census.membersOf(b.leader, `c-${process.pid}`).length, 1);
  assert.deepEqual(census.membersOf({ ...a.leader, startTicks: 1 }, "nobody"), []);
});
