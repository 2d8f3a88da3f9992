/** @module A fleet for tests: real processes that listen and answer, on a device of a stated size. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mib } from "../../core/byte-size.ts";
import { processesTagged } from "../../process/process-identity.ts";
import { freePort } from "../../process/server-process.ts";
import type { FleetSpec, ModelSpec } from "../desired/fleet-spec.ts";
import type { FleetDevice } from "../devices/device.ts";
import { Fleet } from "../fleet.ts";
import type { InstanceEvent } from "../instances/instance-parts.ts";
import { tagVariable } from "../instances/instance-process.ts";
import type { RestartNumbers } from "../instances/restart-policy.ts";
import { StartLock } from "../instances/start-lock.ts";
import { Ledger } from "../ledger/ledger.ts";
import type { ModelPlan } from "../models/fleet-model.ts";
import type { InstancePlan } from "../planning/instance-plan.ts";
import { type DriverScript, scriptedDriver } from "./scripted-driver.ts";

export interface ScriptedModel extends Partial<Omit<ModelSpec, "replicas">> {
  readonly name: string;
  readonly mib?: number;
  readonly min?: number;
  readonly max?: number;
  readonly script?: DriverScript;
}

function scriptedPlan(script: DriverScript = "plain", planMib = 512): InstancePlan {
  return {
    runs: "processors",
    numRanks: 1,
    rankBytes: planMib * mib,
    maxModelLen: 4096,
    plan: null,
    startHash: script,
    learn: () => undefined,
    shareOfFree: null,
    driver: () => scriptedDriver(script),
  };
}

export function scriptedModel({ mib: planMib, script, min = 1, max, ...spec }: ScriptedModel): ModelPlan {
  return {
    spec: {
      aliases: [],
      model: spec.name,
      engine: "scripted",
      version: null,
      replicas: { min, max: max ?? Math.max(1, min) },
      program: null,
      tensorParallel: 1,
      memory: null,
      flags: {},
      environment: {},
      devices: [],
      ttlMs: null,
      priority: 0,
      pinned: false,
      restart: "always",
      ...spec,
    },
    plan: scriptedPlan(script, planMib),
  };
}

const scriptedSettings: Pick<FleetSpec, "name" | "limits" | "router" | "placement"> = {
  name: "scripted",
  placement: "pack",
  limits: { shutdownGraceMs: 5000, startMs: 60_000, stuckMs: 60_000, logBytes: mib },
  router: { mostWaiting: 100, waitMs: 20_000, resumesStreams: false },
};

let numFleets = 0;

/** `close` ends every process and removes the folder. */
export function scriptedFleet(
  models: readonly ScriptedModel[],
  deviceMib = 4096,
  settings: Partial<FleetSpec["limits"]> = {},
  restart: Partial<RestartNumbers> = {},
) {
  const logFolder = mkdtempSync(join(tmpdir(), "pagoda-fleet-"));
  numFleets += 1;
  const fleetTag = `test-${process.pid}-${numFleets}`;
  const device: FleetDevice = {
    deviceId: "cpu",
    kind: "cpu",
    runs: "processors",
    driverId: null,
    totalBytes: deviceMib * mib,
    marginBytes: 0,
    usedBytes: 0,
    processes: null,
  };
  const ledger = new Ledger([device]);
  const events: InstanceEvent[] = [];
  let onEvent = (): void => undefined;
  /** Called in the turn of each event. */
  const watch = (told: () => void): void => {
    onEvent = told;
  };
  const fleet = new Fleet(
    { ...scriptedSettings, limits: { ...scriptedSettings.limits, ...settings } },
    {
      devices: [device],
      ledger,
      startLock: new StartLock(),
      planner: { plan: async () => scriptedPlan() },
      readDevices: async () => [device],
      freePort,
      logFolder,
      fleetTag,
      journalOf: () => ({ starting: () => undefined, ended: () => undefined }),
      clock: () => performance.now(),
      random: () => 0,
      restart,
      onEvent: (event) => {
        events.push(event);
        onEvent();
      },
    },
    null,
  );
  for (const model of models) fleet.add(scriptedModel(model));
  const running = () => processesTagged(tagVariable, `${fleetTag}/`);
  const close = async (): Promise<void> => {
    await fleet.kill();
    rmSync(logFolder, { recursive: true, force: true });
  };
  return { fleet, ledger, events, watch, running, logFolder, close };
}

/** The text of an answer of a model's endpoint. */
export async function answerOf(fleet: Fleet, name: string, path = "/x", body = "{}"): Promise<string> {
  const model = fleet.model(name);
  if (model === undefined) throw new TypeError(`no model ${name}`);
  const asked = { method: "POST", path, headers: {}, body: Buffer.from(body) };
  const answer = await fleet.endpointOf(model).forward(asked, new AbortController().signal);
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

export const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((wake) => setTimeout(wake, 10));
};
