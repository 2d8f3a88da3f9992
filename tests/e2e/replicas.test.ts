/** `--replicas`: real instances behind one address, one of them killed, the router killed, and nothing left over. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { FleetView } from "../../src/api/admin/fleet.ts";
import { grantedProcessors } from "../../src/backend/create/index.ts";
import { PagodaProcess, runToEnd, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import type { Plan } from "../../src/planner/index.ts";
import { identify } from "../../src/process/process-identity.ts";

const skip = process.platform === "linux" ? false : "reads /proc";

async function twoReplicas(t: TestContext, memory: readonly string[] = ["--memory", "300MiB"]) {
  const pagoda = new PagodaProcess(t, ["serve", tinyModel, ...memory, "--replicas", "2", "--port", "0"]);
  const url = await pagoda.ready();
  const view = async (): Promise<FleetView> =>
    (await (await fetch(`${url}/admin/fleet`)).json()) as FleetView;
  const pids = (await view()).instances.map(({ pid }) => pid ?? 0);
  t.after(() => {
    // Whatever the test finds wrong, its instances end.
    for (const pid of pids) if (identify(pid) !== null) process.kill(pid, "SIGKILL");
  });
  return { pagoda, url, view, pids };
}

function completion(url: string, prompt: readonly number[]): Promise<Response> {
  const body = JSON.stringify({ prompt, max_tokens: 8, temperature: 0, ignore_eos: true });
  return fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
}

const gone = async (pids: readonly number[]): Promise<void> => {
  while (pids.some((pid) => identify(pid) !== null)) await new Promise((wake) => setTimeout(wake, 20));
};

test("both answer alike, one that is killed comes back, and a stop ends all", { skip }, async (t) => {
  const { pagoda, url, view, pids } = await twoReplicas(t);
  const texts = new Map<string, string>();
  for (let i = 0; i < 6; i += 1) {
    const answer = await completion(url, [5, 6, 7]);
    const { choices } = (await answer.json()) as { readonly choices: readonly { readonly text: string }[] };
    texts.set(answer.headers.get("x-pagoda-instance") ?? "", choices[0]?.text ?? "");
  }
  assert.equal(texts.size, 2);
  assert.equal(new Set(texts.values()).size, 1);
  process.kill(pids[0] ?? 0, "SIGKILL");
  while ((await view()).instances.some(({ pid, state }) => pid === pids[0] || state !== "ready")) {
    assert.equal((await completion(url, [5, 6])).status, 200);
    await new Promise((wake) => setTimeout(wake, 50));
  }
  const [device] = (await view()).devices;
  assert.equal(device?.reservedBytes, (2 * 300 + 160) * 1024 * 1024);
  const now = (await view()).instances.map(({ pid }) => pid ?? 0);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
  await gone(now);
});

test("the router plans an instance with its own share of the processors", { skip }, async (t) => {
  const { view } = await twoReplicas(t, []);
  const share = Math.max(1, Math.floor(grantedProcessors() / 2));
  const { stdout } = await runToEnd(t, [
    "plan",
    tinyModel,
    "--engine",
    "pagoda",
    "--threads",
    `${share}`,
    "--json",
  ]);
  const plan = JSON.parse(stdout) as Pick<Plan, "components">;
  const bytes = plan.components.reduce((sum, { quantity }) => sum + quantity.highBytes, 0);
  const [device] = (await view()).devices;
  const instances = device?.entries.filter(({ instanceId }) => instanceId !== "router") ?? [];
  assert.deepEqual(
    instances.map(({ plannedBytes }) => plannedBytes),
    [bytes, bytes],
  );
});

test("instances end with a router that is killed", { skip }, async (t) => {
  const { pagoda, pids } = await twoReplicas(t);
  process.kill(pagoda.pid, "SIGKILL");
  await gone(pids);
});

test("replicas that do not fit are refused before any is started, with the number that fits", {
  skip,
}, async (t) => {
  const { code, stderr } = await runToEnd(t, [
    "serve",
    tinyModel,
    "--memory",
    "1GiB",
    "--replicas",
    "64",
    "--port",
    "0",
  ]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /64 replicas of 1\.00 GiB need 64\.16 GiB with the router, and [\d.]+ GiB are available\./,
  );
  assert.match(
    stderr,
    /(Use --replicas \d+, or at most|Leave --replicas out, or give each at most) [\d.]+ [MG]iB/,
  );
});
