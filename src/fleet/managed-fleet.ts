/**
 * @module The fleet of a fleet file: planned as a whole, taken over from an earlier supervisor where one was killed, changed
 * while it runs, and remembered in its store.
 */
import { timingSafeEqual } from "node:crypto";
import type {
  AppliedView,
  FleetAction,
  FleetControl,
  FleetService,
  FleetView,
  RouterControl,
} from "../api/admin/fleet.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { PagodaError } from "../core/errors.ts";
import { nearestNames } from "../core/options/nearest-names.ts";
import { actOn, type Target } from "./apply/actions.ts";
import { type ApplyStep, applySteps, assertChangeable, settingSteps } from "./apply/difference.ts";
import { rollOut, startUpTo } from "./apply/rollout.ts";
import { scaleTo } from "./apply/scaling.ts";
import type { FleetSpec } from "./desired/fleet-spec.ts";
import { fleetSpecFrom } from "./desired/read-fleet-file.ts";
import type { ReadDevices } from "./devices/device.ts";
import { Fleet, type FleetDoor, routerEntry } from "./fleet.ts";
import type { InstanceEvent, InstanceJournal, StartRecord } from "./instances/instance-parts.ts";
import { StartLock } from "./instances/start-lock.ts";
import { Ledger } from "./ledger/ledger.ts";
import { bootId, endStrays, forgetAllBut, heldBy, runningRecords } from "./left-processes.ts";
import type { FleetModel, ModelPlan } from "./models/fleet-model.ts";
import { type FleetPlan, planFleet } from "./planning/fleet-plan.ts";
import type { InstancePlanner } from "./planning/instance-plan.ts";
import type { FleetStore, InstanceRecord } from "./store/fleet-store.ts";

export interface ManagedFleetParts {
  readonly store: FleetStore;
  readonly planner: InstancePlanner;
  readonly logFolder: string;
  readonly readDevices: ReadDevices;
  readonly lockPathOf: (deviceId: string) => string;
  readonly door: FleetDoor;
  /** What this process may hold. */
  readonly routerBytes: number;
  readonly freePort: () => Promise<number>;
  readonly onEvent: (event: InstanceEvent) => void;
}

/** To ask what cards hold starts a program. */
const cardsAreReadEveryMs = 5000;

export class ManagedFleet implements FleetService {
  readonly fleet: Fleet;
  readonly control: FleetControl;
  readonly #parts: ManagedFleetParts;
  readonly #ledger: Ledger;
  readonly #bootId = bootId();
  #spec: FleetSpec;
  /** Changes are made one after another. */
  #changing: Promise<unknown> = Promise.resolve();

  /** Of a plan that fits; `openFleet` makes one. */
  constructor(spec: FleetSpec, plan: FleetPlan, parts: ManagedFleetParts) {
    this.#spec = spec;
    this.#parts = parts;
    this.#ledger = new Ledger(plan.devices);
    for (const { deviceId, foreignBytes, runs } of plan.devices) {
      this.#ledger.measureForeign(deviceId, [
        { pid: null, name: "other processes", heldBytes: foreignBytes },
      ]);
      if (runs === "processors")
        this.#ledger.reserve(routerEntry, [{ deviceId, plannedBytes: parts.routerBytes }]);
    }
    this.fleet = new Fleet(
      spec,
      {
        ...parts,
        devices: plan.devices,
        ledger: this.#ledger,
        startLock: new StartLock(parts.lockPathOf),
        fleetTag: parts.store.fleetTag,
        journalOf: (model) => this.#journalOf(model),
        clock: () => performance.now(),
        random: Math.random,
        onEvent: (event) => this.#note(event),
      },
      parts.door,
    );
    for (const model of plan.models) this.fleet.add(model);
    this.control = {
      isAdmin: (key) => isSameKey(key, spec.keys.admin ?? parts.store.ownKey),
      apply: (document, isDryRun) => this.#inTurn(() => this.#apply(document, isDryRun)),
      act: (name, action, replicas) => this.#inTurn(() => this.#act(name, action, replicas)),
    };
  }

  /**
   * Takes over what an earlier supervisor left, ends its processes that nobody knows, starts the rest, and replaces what was
   * started otherwise than the file says now. Resolves when each instance is ready or has failed for good.
   */
  async start(): Promise<void> {
    const { store } = this.#parts;
    store.spec = this.#spec;
    const adopted = this.fleet.adopt(runningRecords(store, this.#bootId));
    await forgetAllBut(store, this.#bootId, adopted);
    await endStrays(store.fleetTag, new Set(store.instances().map(({ tag }) => tag)));
    await this.fleet.start();
    for (const model of this.fleet.models)
      if (model.live.some((instance) => !model.isStartedAsPlanned(instance)))
        await rollOut(model, model.planned);
  }

  view(): FleetView {
    return this.fleet.view();
  }

  endpoints(): ReadonlyMap<string, Endpoint> {
    return this.fleet.endpoints();
  }

  get router(): RouterControl {
    return this.fleet.router;
  }

  /** Books what is held, and puts idle models to sleep. */
  async tick(): Promise<void> {
    this.fleet.measure(await this.#parts.readDevices(cardsAreReadEveryMs));
    await this.fleet.sleepIdle();
  }

  async #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const before = this.#changing;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#changing = promise;
    try {
      await before;
      return await change();
    } finally {
      resolve();
    }
  }

  async #apply(document: unknown, isDryRun: boolean): Promise<AppliedView> {
    const source = { label: "the document", folder: "/", environment: null };
    const stated = fleetSpecFrom(JSON.stringify(document), source);
    assertChangeable(this.#spec, stated);
    const devices = await this.#parts.readDevices(0);
    const plan = await planFleet(stated, {
      ...this.#parts,
      devices,
      ownBytes: heldBy(runningRecords(this.#parts.store, this.#bootId), devices),
    });
    const settings = settingSteps(this.#spec, stated);
    const steps = applySteps(this.#running(), plan.models);
    if (!isDryRun) {
      if (settings.length > 0) this.fleet.settle(stated);
      for (const step of steps) await this.#take(step, plan.models);
      this.#spec = stated;
      this.#parts.store.spec = stated;
    }
    return { schema: "pagoda.apply/1", isDryRun, steps: [...settings, ...steps.map(({ text }) => text)] };
  }

  #running(): ReadonlyMap<string, { readonly planned: ModelPlan; readonly numLive: number }> {
    return new Map(
      this.fleet.models.map((model) => [model.name, { planned: model.planned, numLive: model.live.length }]),
    );
  }

  async #take(step: ApplyStep, wanted: readonly ModelPlan[]): Promise<void> {
    const next = wanted.find(({ spec }) => spec.name === step.model);
    if (next === undefined || step.kind === "remove")
      return this.fleet.remove(step.model, "it is no longer in the file");
    const model = this.fleet.model(step.model) ?? this.fleet.add(next);
    model.isHeld = false;
    if (step.kind === "roll") await rollOut(model, next);
    else model.replan(next);
    if (step.kind !== "add") this.fleet.renamed(model);
    if (step.kind === "scale") await scaleTo(model, step.to, "the file asks for fewer");
    if (step.kind === "add") await startUpTo(model, next.spec.replicas.min);
  }

  async #act(name: string, action: FleetAction, replicas: number | null): Promise<void> {
    await actOn(this.#target(name), action, replicas);
    const models = this.fleet.models.map(({ planned }) => planned.spec);
    this.#spec = { ...this.#spec, models };
    this.#parts.store.spec = this.#spec;
  }

  /** @throws PagodaError `not_found` with the nearest name. */
  #target(name: string): Target {
    for (const model of this.fleet.models) {
      if (model.name === name || model.planned.spec.aliases.includes(name)) return { model, instance: null };
      const instance = model.instances.find(({ instanceId }) => instanceId === name);
      if (instance !== undefined) return { model, instance };
    }
    const known = this.fleet.models.flatMap((model) => [
      model.name,
      ...model.instances.map(({ instanceId }) => instanceId),
    ]);
    const near = nearestNames(name, known, 2);
    throw new PagodaError("not_found", `The fleet has no model and no instance of this name.`, {
      param: "name",
      hint: `Use ${(near.length > 0 ? near : known).join(" or ")}.`,
    });
  }

  #journalOf(model: FleetModel): InstanceJournal {
    const { store } = this.#parts;
    return {
      starting: (instanceId, start) => store.setInstance(this.#recordOf(model, instanceId, start)),
      ended: (instanceId) => store.removeInstance(instanceId),
    };
  }

  #recordOf(model: FleetModel, instanceId: string, start: StartRecord): InstanceRecord {
    const instance = model.instances.find((one) => one.instanceId === instanceId);
    return {
      ...start,
      instanceId,
      model: model.name,
      bootId: this.#bootId,
      demands: instance?.demands ?? [],
      startHash: model.startHashOf(instanceId),
    };
  }

  #note(event: InstanceEvent): void {
    const { instanceId, state, reason } = event;
    this.#parts.store.addEvent({
      atUnixMs: Date.now(),
      instanceId,
      state,
      reason,
      heldBytes: this.#heldBytesOf(instanceId),
    });
    this.#parts.onEvent(event);
  }

  #heldBytesOf(instanceId: string): number | null {
    const entries = this.#ledger.devices().flatMap((device) => device.entries);
    return entries.find((entry) => entry.instanceId === instanceId)?.heldBytes ?? null;
  }
}

/**
 * Plans the fleet. Nothing is started or stopped yet.
 * @throws PagodaError `memory_too_small` and others where the file cannot be run here.
 */
export async function openFleet(spec: FleetSpec, parts: ManagedFleetParts): Promise<ManagedFleet> {
  const devices = await parts.readDevices(0);
  const ownBytes = heldBy(runningRecords(parts.store, bootId()), devices);
  const plan = await planFleet(spec, { ...parts, devices, ownBytes });
  return new ManagedFleet(spec, plan, parts);
}

function isSameKey(given: string, key: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(key)];
  return a.length === b.length && timingSafeEqual(a, b);
}
