/**
 * Kills of instances and of the supervisor, one after another, under requests: every process of the fleet is one that the
 * supervisor knows, the ledger keeps its invariant, and in the end none is left. FLEET_KILLS states how many (default 8).
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { FleetView } from "../../src/api/admin/fleet.ts";
import { PagodaProcess, runToEnd, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { FleetStore } from "../../src/fleet/store/fleet-store.ts";
import { processesTagged } from "../../src/process/process-identity.ts";

const skip = process.platform === "linux" ? false : "reads /proc";
const numKills = Number(process.env.FLEET_KILLS ?? 8);

const fleet = `
name: kills
server: {port: 0}
models:
  small: {model: ${tinyModel}, memory: 280MiB, replicas: 2}
`;

test(`${numKills} kills leave no process that nobody knows`, { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-e2e-kills-"));
  const variables = { XDG_STATE_HOME: join(folder, "state") };
  const file = join(folder, "fleet.yaml");
  writeFileSync(file, fleet);
  t.after(async () => {
    await runToEnd(t, ["down", "--now"], variables);
    rmSync(folder, { recursive: true, force: true });
  });
  const up = async () => {
    const supervisor = new PagodaProcess(t, ["up", file, "--log-level", "silent"], variables);
    return { supervisor, url: await supervisor.ready() };
  };
  const viewAt = async (url: string): Promise<FleetView> =>
    (await (await fetch(`${url}/admin/fleet`)).json()) as FleetView;
  let running = await up();
  const store = new FleetStore(join(folder, "state/pagoda/fleets/kills/fleet.sqlite"));
  const { fleetTag } = store;
  store.close();
  const ownPids = (): number[] =>
    processesTagged("PAGODA_INSTANCE", `${fleetTag}/`)
      .map(({ pid }) => pid)
      .toSorted();
  for (let kill = 0; kill < numKills; kill += 1) {
    const victims = (await viewAt(running.url)).instances;
    if (kill % 2 === 0) {
      running.supervisor.child.kill("SIGKILL");
      // Every fourth time an instance goes with it.
      if (kill % 4 === 0) process.kill(victims[0]?.pid ?? 0, "SIGKILL");
      await running.supervisor.exited;
      running = await up();
    } else process.kill(victims[kill % victims.length]?.pid ?? 0, "SIGKILL");
    for (;;) {
      const { instances, devices } = await viewAt(running.url);
      for (const { availableBytes } of devices) assert.ok(availableBytes >= 0);
      const isWhole = instances.length === 2 && instances.every(({ state }) => state === "ready");
      const known = instances.map(({ pid }) => pid ?? 0).toSorted();
      if (isWhole && String(known) === String(ownPids())) break;
      await new Promise((wake) => setTimeout(wake, 50));
    }
    const answer = await fetch(`${running.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "small", prompt: [5, 6, 7], max_tokens: 2 }),
    });
    assert.equal(answer.status, 200);
  }
  running.supervisor.child.kill("SIGTERM");
  assert.equal(await running.supervisor.exited, 0);
  assert.deepEqual(ownPids(), []);
});

test("a second signal does not wait for requests, and leaves no process either", { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-e2e-kills-"));
  const file = join(folder, "fleet.yaml");
  writeFileSync(file, `${fleet}limits: {shutdown_grace: 10m}\n`);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const variables = { XDG_STATE_HOME: join(folder, "state") };
  const supervisor = new PagodaProcess(t, ["up", file], variables);
  const url = await supervisor.ready();
  const { instances } = (await (await fetch(`${url}/admin/fleet`)).json()) as FleetView;
  const stream = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "small", prompt: [5], max_tokens: 200, stream: true, n: 8 }),
  });
  assert.equal(stream.status, 200);
  supervisor.child.kill("SIGTERM");
  supervisor.child.kill("SIGINT");
  await supervisor.exited;
  const pids = new Set(instances.map(({ pid }) => pid));
  assert.deepEqual(
    processesTagged("PAGODA_INSTANCE", "").filter(({ pid }) => pids.has(pid)),
    [],
  );
});
