/** @module A fleet: models with their instances on the devices of one machine, each model behind one router. */
import type { FleetEventView, FleetService, FleetView } from "../api/admin/fleet.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { PagodaError } from "../core/errors.ts";
import { isRunning } from "../process/process-identity.ts";
import { CombinedRouters } from "./combined-routers.ts";
import type { FleetSpec } from "./desired/fleet-spec.ts";
import type { FleetDevice } from "./devices/device.ts";
import { fleetView } from "./fleet-view.ts";
import { Holdings } from "./instances/holdings.ts";
import type { InstanceEvent } from "./instances/instance-parts.ts";
import { measureFleet } from "./measure-fleet.ts";
import { Activation } from "./models/activation.ts";
import { FleetModel, type FleetParts, type ModelParts, type ModelPlan } from "./models/fleet-model.ts";
import { ModelEndpoint } from "./models/model-endpoint.ts";
import type { InstanceRecord } from "./store/fleet-store.ts";

export interface FleetSettings extends Pick<FleetSpec, "name" | "limits" | "router" | "placement"> {}

/** Told of models that come and go, so that the door routes to them. */
export interface FleetDoor {
  serve(model: ModelPlan, endpoint: ModelEndpoint): void;
  withdraw(name: string): void;
}

/** The entry of the ledger for this process itself. */
export const routerEntry = "router";
const mostEvents = 200;

export class Fleet implements FleetService {
  readonly control = null;
  readonly router = new CombinedRouters(() => this.models.map(({ router }) => router));
  #settings: FleetSettings;
  readonly #ending = new AbortController();
  readonly #parts: ModelParts;
  readonly #door: FleetDoor | null;
  readonly #models = new Map<string, FleetModel>();
  readonly #activation: Activation;
  readonly #events: FleetEventView[] = [];
  readonly #holdings: Holdings;

  constructor(settings: FleetSettings, parts: FleetParts, door: FleetDoor | null) {
    this.#settings = settings;
    this.#door = door;
    this.#holdings = new Holdings(parts.clock);
    this.#parts = {
      ...parts,
      holdings: this.#holdings,
      ending: this.#ending.signal,
      onEvent: (event) => {
        this.#note(event);
        parts.onEvent(event);
      },
    };
    this.#activation = new Activation({
      models: () => this.models,
      devices: parts.devices,
      ledger: parts.ledger,
    });
  }

  /** Of every instance that takes requests, by its id. */
  endpoints(): ReadonlyMap<string, Endpoint> {
    return new Map(this.models.flatMap(({ router }) => [...router.endpoints()]));
  }

  get models(): readonly FleetModel[] {
    return [...this.#models.values()];
  }

  get numReady(): number {
    return this.models.reduce((sum, { router }) => sum + router.numReady, 0);
  }

  model(name: string): FleetModel | undefined {
    return this.#models.get(name);
  }

  /** Adds a model without starting it. */
  add(planned: ModelPlan): FleetModel {
    const model = new FleetModel(planned, this.#settings, this.#parts);
    this.#models.set(planned.spec.name, model);
    this.#door?.serve(planned, this.endpointOf(model));
    return model;
  }

  /** Drains it, stops its instances and forgets it. */
  async remove(name: string, reason: string): Promise<void> {
    const model = this.#models.get(name);
    if (model === undefined) return;
    this.#door?.withdraw(name);
    await model.stopAll(reason);
    this.#models.delete(name);
  }

  /** Other limits and another queue: for requests and instances that come from now on. */
  settle(settings: FleetSettings): void {
    this.#settings = settings;
    for (const model of this.models) {
      model.settle(settings);
      this.renamed(model);
    }
  }

  /** The door knows it by its new names. */
  renamed(model: FleetModel): void {
    this.#door?.withdraw(model.name);
    this.#door?.serve(model.planned, this.endpointOf(model));
  }

  /** Takes up the instances of its models that still run, each with its own process. Returns their ids. */
  adopt(records: readonly InstanceRecord[]): ReadonlySet<string> {
    const adopted = records.filter(({ model, process }) => {
      return this.#models.has(model) && process !== null && isRunning(process);
    });
    for (const record of adopted) this.#models.get(record.model)?.adopt(record);
    return new Set(adopted.map(({ instanceId }) => instanceId));
  }

  /** Starts what is to run always, one after another on each device. Resolves when each is ready or has failed for good. */
  async start(): Promise<void> {
    const starts: Promise<void>[] = [];
    for (const model of this.models) {
      const { min } = model.planned.spec.replicas;
      for (const instance of model.live) starts.push(instance.start());
      for (let count = model.live.length; count < min; count += 1) starts.push(this.#startOne(model));
    }
    await Promise.all(starts);
  }

  /** What others have taken since the plan is an event, and no reason to stop the rest. */
  async #startOne(model: FleetModel): Promise<void> {
    let started: Promise<void>;
    try {
      ({ started } = model.startOne());
    } catch (thrown) {
      if (!(thrown instanceof PagodaError)) throw thrown;
      this.#parts.onEvent({
        instanceId: model.name,
        state: "failed",
        reason: `${thrown.message} ${thrown.hint ?? ""}`.trim(),
      });
      return;
    }
    await started;
  }

  /** Books what every instance holds now, and what others do. `readings`: the devices as they are now. */
  measure(readings: readonly FleetDevice[]): void {
    const instances = this.models.flatMap((model) => model.instances);
    measureFleet(instances, this.#holdings, readings, this.#parts.ledger, routerEntry);
  }

  /** Instances of models that nobody has used for their `ttl` sleep where their engine can, and are stopped where not. */
  async sleepIdle(): Promise<void> {
    const idle = this.models.filter(({ planned: { spec }, idleMs, live, state }) => {
      const isIdle = spec.ttlMs !== null && !spec.pinned && idleMs >= spec.ttlMs;
      return isIdle && state === "ready" && live.length > 0;
    });
    await Promise.all(idle.map((model) => model.sleepAll("it was idle")));
  }

  /** Starts nothing from now on, not even for requests that wait. */
  startNoMore(): void {
    this.#ending.abort();
  }

  /** Lets all requests finish within the grace time, then ends every instance. */
  async stop(): Promise<void> {
    this.startNoMore();
    await Promise.all(this.models.map((model) => model.stopAll("the fleet was stopped")));
  }

  /** Ends every instance at once. */
  async kill(): Promise<void> {
    this.startNoMore();
    await Promise.all(this.models.map((model) => model.killAll()));
  }

  view(): FleetView {
    return fleetView({
      name: this.#settings.name,
      models: this.models,
      ledger: this.#parts.ledger,
      events: this.#events,
    });
  }

  endpointOf(model: FleetModel): ModelEndpoint {
    const { spec, plan } = model.planned;
    const { devices, clock } = this.#parts;
    return new ModelEndpoint({
      model,
      facts: {
        modelId: spec.name,
        maxModelLen: plan.maxModelLen,
        createdUnixSeconds: Math.floor(Date.now() / 1000),
      },
      capabilities: plan.driver(devices.slice(0, plan.numRanks)).endpoint(0).capabilities,
      startMs: this.#settings.limits.startMs,
      waitMs: this.#settings.router.waitMs,
      wake: (signal) => this.#activation.wake(model, signal),
      clock,
    });
  }

  #note({ instanceId, state, reason }: InstanceEvent): void {
    this.#events.push({ atUnixMs: Date.now(), instanceId, state, reason });
    if (this.#events.length > mostEvents) this.#events.shift();
  }
}
