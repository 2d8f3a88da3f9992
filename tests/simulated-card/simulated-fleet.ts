/** @module A fleet over a simulated card: the real planner, drivers and supervisor; scripted engines that obey the specifications. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { instancePlanner } from "../../src/cli/fleet/instance-planner.ts";
import { gib, mib } from "../../src/core/byte-size.ts";
import type { ModelSpec } from "../../src/fleet/desired/fleet-spec.ts";
import type { FleetDevice } from "../../src/fleet/devices/device.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import type { InstanceEvent } from "../../src/fleet/instances/instance-parts.ts";
import { StartLock } from "../../src/fleet/instances/start-lock.ts";
import { Ledger } from "../../src/fleet/ledger/ledger.ts";
import { scriptedModel } from "../../src/fleet/testing/scripted-fleet.ts";
import { freePort } from "../../src/process/server-process.ts";
import { SimulatedCard } from "./card.ts";
import type { SimulatedModel } from "./engine-process.ts";

/** Llama-3.1-8B by vllm-memory.md §10.2 and lmdeploy-memory.md §2.2; what no rule gives is somewhere near real logs. */
export const llama8b: SimulatedModel = {
  weightsBytes: 16_060_522_496 + 33_554_432,
  kvBytesPerToken: 131_072,
  vocabSize: 128_256,
  persistentBytes: 300 * mib,
  activationBytes: 1250 * mib,
  graphBytes: 600 * mib,
};
const contextBytes = 520 * mib;
const totalBytes = 80 * gib;

export type SimulatedSpec = Partial<ModelSpec> & { readonly name: string; readonly engine: string };

let numFleets = 0;

/** `close` ends every process. */
export async function simulatedFleet(specs: readonly SimulatedSpec[]) {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-card-"));
  const card = new SimulatedCard(totalBytes);
  const port = await card.listen();
  const deviceNow = (): FleetDevice => ({
    deviceId: "gpu0",
    kind: "H100",
    runs: "cards",
    driverId: "GPU-1",
    totalBytes,
    marginBytes: 0,
    usedBytes: card.usedBytes,
    processes: card.holders.map(({ pid, name, heldBytes }) => ({ pid, name, heldBytes })),
  });
  const ledger = new Ledger([deviceNow()]);
  const events: InstanceEvent[] = [];
  numFleets += 1;
  const planner = instancePlanner({
    ownProgram: ["node"],
    environment: { XDG_STATE_HOME: folder },
    numSharing: 1,
    drainMs: 1000,
    routerKey: "",
  });
  const fleet = new Fleet(
    {
      name: "card",
      placement: "pack",
      limits: { shutdownGraceMs: 1000, startMs: 60_000, stuckMs: 60_000, logBytes: mib },
      router: { mostWaiting: 100, waitMs: 20_000, resumesStreams: false },
    },
    {
      devices: [deviceNow()],
      ledger,
      startLock: new StartLock(),
      planner,
      readDevices: async () => [deviceNow()],
      freePort,
      logFolder: folder,
      fleetTag: `card-${process.pid}-${numFleets}`,
      journalOf: () => ({ starting: () => undefined, ended: () => undefined }),
      clock: () => performance.now(),
      random: () => 0,
      onEvent: (event) => events.push(event),
    },
    null,
  );
  const environment = {
    SIMULATED_CARD: String(port),
    SIMULATED_MODEL: JSON.stringify(llama8b),
    SIMULATED_CONTEXT: String(contextBytes),
  };
  for (const spec of specs) {
    const program = join(folder, `${spec.engine}.sh`);
    const script = fileURLToPath(new URL(`${spec.engine}.ts`, import.meta.url));
    // The card knows a process by its own id.
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`);
    chmodSync(program, 0o700);
    const whole: ModelSpec = {
      ...scriptedModel({ name: spec.name }).spec,
      model: "meta-llama/Llama-3.1-8B-Instruct",
      program,
      environment,
      ...spec,
    };
    fleet.add({ spec: whole, plan: await planner.plan(whole, [deviceNow()]) });
  }
  const measure = (): void => fleet.measure([deviceNow()]);
  const close = async (): Promise<void> => {
    await fleet.kill();
    card.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { fleet, card, ledger, events, measure, close, logOf: (id: string) => join(folder, `${id}.log`) };
}
