/** @module One model of a fleet: its router, its instances, and how many of them there are. */
import { invariant, PagodaError } from "../../core/errors.ts";
import type { FleetSpec, ModelSpec } from "../desired/fleet-spec.ts";
import type { FleetDevice, ReadDevices } from "../devices/device.ts";
import type { EngineDriver, StartChange } from "../drivers/contract/driver.ts";
import type { Holdings } from "../instances/holdings.ts";
import type { Fix, InstanceEvent, InstanceJournal, InstanceState } from "../instances/instance-parts.ts";
import type { RestartNumbers } from "../instances/restart-policy.ts";
import type { StartLock } from "../instances/start-lock.ts";
import { SupervisedInstance } from "../instances/supervised-instance.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { place } from "../placement/placement.ts";
import { changedModel } from "../planning/changed-model.ts";
import { EqualPool } from "../planning/equal-pool.ts";
import type { InstancePlan, InstancePlanner } from "../planning/instance-plan.ts";
import { defaultRouterOptions, Router } from "../router/router.ts";
import type { InstanceRecord } from "../store/fleet-store.ts";
import { Readiness } from "./readiness.ts";

/** What all models of a fleet share. */
export interface FleetParts {
  readonly devices: readonly FleetDevice[];
  readonly ledger: Ledger;
  readonly startLock: StartLock;
  readonly planner: InstancePlanner;
  readonly readDevices: ReadDevices;
  readonly freePort: () => Promise<number>;
  readonly logFolder: string;
  readonly fleetTag: string;
  /** Told of every start before and after it happens. */
  readonly journalOf: (model: FleetModel) => InstanceJournal;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly random: () => number;
  /** Where restarts are to follow other numbers than the default ones. */
  readonly restart?: Partial<RestartNumbers>;
  readonly onEvent: (event: InstanceEvent) => void;
}

/** `ending` is aborted when the fleet ends: nothing is started from then on. */
export interface ModelParts extends FleetParts {
  readonly holdings: Holdings;
  readonly ending: AbortSignal;
}

export type ModelState = "ready" | "starting" | "asleep" | "failed";

/** What may change while a model runs. */
export interface ModelPlan {
  readonly spec: ModelSpec;
  readonly plan: InstancePlan;
}

export class FleetModel {
  readonly name: string;
  readonly router: Router;
  readonly readiness: Readiness;
  readonly #parts: ModelParts;
  #limits: FleetSpec["limits"];
  #placement: FleetSpec["placement"];
  readonly #instances = new Map<string, SupervisedInstance>();
  /** The plan with which each instance was started. */
  readonly #startedWith = new Map<string, InstancePlan>();
  /** What others held on the first device of an instance when its last start began. */
  readonly #usedAtStart = new Map<string, number>();
  #pool: EqualPool | null;
  #planned: ModelPlan;
  #lastUsedMs: number;
  /** The longest start so far: what starting again costs. */
  #startMs = 0;
  #numPending = 0;
  /** Stopped by a person: no request starts it. */
  isHeld = false;

  constructor(
    planned: ModelPlan,
    { limits, router, placement }: Pick<FleetSpec, "limits" | "router" | "placement">,
    parts: ModelParts,
  ) {
    this.name = planned.spec.name;
    this.#planned = planned;
    this.#pool = poolOf(planned);
    this.#limits = limits;
    this.#placement = placement;
    this.#parts = parts;
    this.#lastUsedMs = parts.clock();
    this.router = new Router(this.name, {
      ...defaultRouterOptions,
      queue: { mostWaiting: router.mostWaiting },
      queueDeadlineMs: router.waitMs,
      resumesStreams: router.resumesStreams,
      clock: parts.clock,
    });
    this.readiness = new Readiness(() => this.router.numReady > 0);
  }

  get planned(): ModelPlan {
    return this.#planned;
  }

  get instances(): readonly SupervisedInstance[] {
    return [...this.#instances.values()];
  }

  /** Those that run, or will without anybody's doing. */
  get live(): readonly SupervisedInstance[] {
    return this.instances.filter(
      ({ state }) => !ended.has(state) && state !== "draining" && state !== "asleep",
    );
  }

  /** Those whose processes stay and hold little. */
  get sleeping(): readonly SupervisedInstance[] {
    return this.instances.filter(({ state }) => state === "asleep");
  }

  get state(): ModelState {
    if (this.router.numReady > 0) return "ready";
    if (this.live.some(({ state }) => state !== "crashloop")) return "starting";
    return this.instances.some(({ state }) => failedStates.has(state)) ? "failed" : "asleep";
  }

  /** Why it has failed, by the last instance that did. */
  get failure(): string | null {
    return this.instances.findLast(({ state }) => failedStates.has(state))?.reason ?? null;
  }

  get isBusy(): boolean {
    return this.#numPending > 0 || this.router.numRunning > 0 || this.router.numWaiting > 0;
  }

  get idleMs(): number {
    return this.isBusy ? 0 : this.#parts.clock() - this.#lastUsedMs;
  }

  get startMs(): number {
    return this.#startMs;
  }

  /** Requests that wait for a start, or for an instance to come back. */
  get numPending(): number {
    return this.#numPending;
  }

  /** A request has come, or has ended. */
  touch(): void {
    this.#lastUsedMs = this.#parts.clock();
  }

  /** Counts as in use until `work` has settled. */
  async whilePending<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#numPending += 1;
    this.touch();
    try {
      return await work();
    } finally {
      this.#numPending -= 1;
      this.touch();
    }
  }

  /** From now on instances start with this plan; those that run stay as they are. */
  replan(planned: ModelPlan): void {
    invariant(planned.spec.name === this.name, () => `${planned.spec.name} is not ${this.name}`);
    if (planned.plan.startHash !== this.#planned.plan.startHash) this.#pool = poolOf(planned);
    this.#planned = planned;
  }

  settle({ limits, router, placement }: Pick<FleetSpec, "limits" | "router" | "placement">): void {
    this.#limits = limits;
    this.#placement = placement;
    this.router.resumesStreams = router.resumesStreams;
    this.router.change({ maxWaiting: router.mostWaiting, queueDeadlineMs: router.waitMs });
  }

  /** Of the plan with which an instance was started. */
  startHashOf(instanceId: string): string {
    return this.#startedWith.get(instanceId)?.startHash ?? "";
  }

  isStartedAsPlanned({ instanceId }: SupervisedInstance): boolean {
    return this.startHashOf(instanceId) === this.#planned.plan.startHash;
  }

  /**
   * Starts one more instance, or wakes one that sleeps; its bytes are promised when this returns. The promise within resolves when it is ready or has
   * failed for good.
   * @throws PagodaError `memory_too_small` where no device has room, `not_ready` where the fleet ends.
   */
  startOne(): { readonly instance: SupervisedInstance; readonly started: Promise<void> } {
    if (this.#parts.ending.aborted)
      throw new PagodaError("not_ready", `The fleet is stopping, and starts no instance of ${this.name}.`, {
        hint: "Send the request again once the fleet runs.",
      });
    this.#forgetEnded();
    const [sleeper] = this.sleeping;
    if (sleeper !== undefined) return { instance: sleeper, started: sleeper.wake() };
    const { plan } = this.#planned;
    const instanceId = this.#freeId();
    const deviceIds = this.#room(instanceId, plan);
    return this.#begin(instanceId, plan, deviceIds, null);
  }

  /** Takes up an instance that an earlier supervisor started; it is started as planned now should it end. */
  adopt(record: InstanceRecord): SupervisedInstance {
    const { process, instanceId, demands, generation, port, tag, startHash } = record;
    invariant(process !== null, () => `${instanceId} has no process to adopt`);
    const deviceIds = demands.map(({ deviceId }) => deviceId);
    const plan = { ...this.#planned.plan, startHash, rankBytes: demands[0]?.plannedBytes ?? 0 };
    const { instance, started } = this.#begin(instanceId, plan, deviceIds, {
      process,
      generation,
      port,
      tag,
    });
    void started;
    return instance;
  }

  /** Instances that have ended by themselves for good are no longer shown. */
  #forgetEnded(): void {
    for (const [id, { state }] of this.#instances) if (ended.has(state) && state !== "stuck") this.#drop(id);
  }

  #freeId(): string {
    for (let index = 0; ; index += 1)
      if (!this.#instances.has(`${this.name}-${index}`)) return `${this.name}-${index}`;
  }

  /** @throws PagodaError `memory_too_small` with what the ledger says. */
  #room(instanceId: string, plan: InstancePlan): readonly string[] {
    const { devices, ledger } = this.#parts;
    const here = devices.filter(({ runs }) => runs === plan.runs);
    const wanted = {
      instanceId,
      rankBytes: plan.rankBytes,
      numRanks: plan.numRanks,
      pinned: this.#planned.spec.devices,
    };
    const { placed } = place(
      [wanted],
      here.map(({ deviceId, kind }) => ({
        deviceId,
        kind,
        availableBytes: ledger.device(deviceId).availableBytes,
      })),
      this.#placement,
    );
    const [found] = placed;
    if (found !== undefined) return found.deviceIds;
    const [first] = here;
    // The ledger says who holds what.
    if (first !== undefined)
      ledger.assertRoom(instanceId, { deviceId: first.deviceId, plannedBytes: plan.rankBytes });
    throw new PagodaError(
      "memory_too_small",
      `No ${plan.numRanks} devices have room for ${instanceId} at once.`,
      {
        hint: "Stop another model, or give this one less memory.",
      },
    );
  }

  #begin(
    instanceId: string,
    plan: InstancePlan,
    deviceIds: readonly string[],
    adopted: ConstructorParameters<typeof SupervisedInstance>[0]["adopted"],
  ): { readonly instance: SupervisedInstance; readonly started: Promise<void> } {
    const { devices, logFolder } = this.#parts;
    const { spec } = this.#planned;
    const own = devices.filter(({ deviceId }) => deviceIds.includes(deviceId));
    const instance = new SupervisedInstance({
      ...this.#parts,
      instanceId,
      demands: deviceIds.map((deviceId) => ({ deviceId, plannedBytes: plan.rankBytes })),
      runs: plan.runs,
      driver: plan.driver(own),
      driverNow: this.#pool === null ? null : () => this.#driverNow(instanceId, plan, own),
      router: this.router,
      logPath: `${logFolder}/${instanceId.replaceAll("/", "_")}.log`,
      logBytes: this.#limits.logBytes,
      readyWithinMs: this.#limits.startMs,
      graceMs: this.#limits.shutdownGraceMs,
      stuckMs: this.#limits.stuckMs,
      restarts: spec.restart !== "never",
      fix: spec.restart === "fix" ? (changes) => this.#fix(changes, own) : null,
      journal: this.#parts.journalOf(this),
      adopted,
      onEvent: (event) => this.#noteEvent(instance, event),
    });
    this.#instances.set(instanceId, instance);
    this.#startedWith.set(instanceId, plan);
    return { instance, started: instance.start() };
  }

  /** With the share of what is free now that gives it the same pool as the others. */
  async #driverNow(
    instanceId: string,
    plan: InstancePlan,
    own: readonly FleetDevice[],
  ): Promise<EngineDriver> {
    const now = await this.#parts.readDevices(0);
    const here = now.filter(({ deviceId }) => own.some((one) => one.deviceId === deviceId));
    const usedBytes = Math.max(0, ...here.map((device) => device.usedBytes));
    this.#usedAtStart.set(instanceId, usedBytes);
    return plan.driver(own, this.#pool?.shareBeside(usedBytes) ?? undefined);
  }

  /** The first change that can be planned within the bytes that the instance has. */
  async #fix(changes: readonly StartChange[], devices: readonly FleetDevice[]): Promise<Fix | null> {
    const { spec, plan } = this.#planned;
    for (const change of changes) {
      const changed = changedModel(spec, change, plan.plan !== null);
      if (changed === null) continue;
      try {
        const fixed = await this.#parts.planner.plan(changed, this.#parts.devices);
        if (fixed.rankBytes <= plan.rankBytes) return { driver: fixed.driver(devices), flags: change.flags };
      } catch (thrown) {
        if (!(thrown instanceof PagodaError)) throw thrown;
      }
    }
    return null;
  }

  #noteEvent(instance: SupervisedInstance, event: InstanceEvent): void {
    if (event.state === "ready") this.#noteStart(instance);
    this.readiness.look();
    this.#parts.onEvent(event);
  }

  #noteStart(instance: SupervisedInstance): void {
    this.#startMs = Math.max(this.#startMs, instance.startMs ?? 0);
    const { instanceId } = instance;
    this.#startedWith.get(instanceId)?.learn(instance.output());
    const usedBytes = this.#usedAtStart.get(instanceId);
    if (usedBytes !== undefined) this.#pool?.learn(instance.output(), usedBytes);
  }

  /** Lets its requests finish, ends it, and forgets it. */
  async stopOne(instance: SupervisedInstance, reason: string): Promise<void> {
    await instance.stop(reason);
    if (instance.state !== "stuck") this.#drop(instance.instanceId);
  }

  /** It sleeps where its engine can, and is stopped and forgotten where not. */
  async sleepOne(instance: SupervisedInstance, reason: string): Promise<void> {
    await instance.sleep(reason);
    if (ended.has(instance.state) && instance.state !== "stuck") this.#drop(instance.instanceId);
  }

  async sleepAll(reason: string): Promise<void> {
    await Promise.all(this.live.map((instance) => this.sleepOne(instance, reason)));
  }

  async stopAll(reason: string): Promise<void> {
    await Promise.all(this.instances.map((instance) => this.stopOne(instance, reason)));
  }

  async killAll(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.kill()));
  }

  #drop(instanceId: string): void {
    this.#instances.delete(instanceId);
    this.#startedWith.delete(instanceId);
    this.#usedAtStart.delete(instanceId);
  }
}

const poolOf = ({ plan: { shareOfFree } }: ModelPlan): EqualPool | null =>
  shareOfFree === null ? null : new EqualPool(shareOfFree);

const ended: ReadonlySet<InstanceState> = new Set(["stopped", "failed", "stuck"]);
const failedStates: ReadonlySet<InstanceState> = new Set(["failed", "crashloop", "stuck"]);
