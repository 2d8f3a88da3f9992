/** @module Gathers what the server, its models and their devices do: samples once a second, snapshots when asked. */
import type { FleetService } from "../../api/admin/fleet.ts";
import {
  type AdminEventKind,
  type BindingLimitReport,
  type HistoryAnswer,
  historyColumns,
  historySchema,
  type InstanceCurve,
  type InstanceSnapshot,
  type PrefixCurveAnswer,
  parseHistoryQuestion,
  prefixCurveSchema,
  type Snapshot,
  type TrafficAnswer,
  trafficColumns,
  trafficSchema,
} from "../../api/admin/observatory/index.ts";
import type { Endpoint } from "../../core/endpoint.ts";
import type { PagodaError } from "../../core/errors.ts";
import type { EngineObserver, GenerationService } from "../../core/generation.ts";
import { periodically } from "../../core/observation/periodic.ts";
import type { ServedModelEntry } from "../models/served-model-entry.ts";
import type { ServedModels } from "../models/served-models.ts";
import type { RestartCommand } from "../settings/check-change.ts";
import { SettingsService } from "../settings/settings-service.ts";
import { endpointTarget, engineTarget, type SettingsTarget } from "../settings/settings-target.ts";
import { ChangeEffects, figuresOf } from "./change-effects.ts";
import { devicesOf, type ReadDevices, readSometimes } from "./devices.ts";
import { EventLog } from "./events/event-log.ts";
import { ModelEvents } from "./events/model-events.ts";
import { RepeatedEvents } from "./events/repeated-events.ts";
import { History } from "./history/history.ts";
import { TrafficRing } from "./history/traffic-ring.ts";
import { figuresNow } from "./history-figures.ts";
import {
  bindingLimitOf,
  blankInstance,
  curveOf,
  type InstanceRecord,
  instanceIdOf,
  localInstance,
} from "./instance-view.ts";
import { Latencies } from "./latency/latencies.ts";
import { serverReport } from "./limits/binding-report.ts";
import { RecentSamples } from "./recent-samples.ts";
import { jsonAt, RemoteWatch } from "./remote-watch.ts";

export interface ObservatoryParts {
  readonly servedModels: ServedModels;
  readonly version: string;
  readonly devices: ReadDevices;
  /** The server's log, whose level is one of the settings. */
  readonly log: { level: string };
  readonly fleet?: FleetService;
  /** Default: not known. */
  readonly restartCommand?: RestartCommand;
  /** Monotonic milliseconds; default: the real ones. */
  readonly clock?: () => number;
  readonly unixMs?: () => number;
}

export interface InstanceChange {
  readonly instanceId: string;
  readonly state: string;
  readonly reason: string;
}

const sampleEveryMs = 1000;
const mostAnswerMs = 2000;
const kindOfState: Readonly<Record<string, AdminEventKind>> = {
  starting: "started",
  ready: "ready",
  draining: "drained",
  crashloop: "died",
  failed: "died",
};

export class Observatory {
  readonly events: EventLog;
  readonly settings: SettingsService;
  readonly history = new History();
  readonly #parts: ObservatoryParts;
  readonly #clock: () => number;
  readonly #unixMs: () => number;
  readonly #devices: ReadDevices;
  readonly #records = new Map<ServedModelEntry, InstanceRecord>();
  readonly #remote: RemoteWatch;
  readonly #effects: ChangeEffects;
  readonly #repeated: RepeatedEvents;
  readonly #modelEvents: ModelEvents;
  /** Milliseconds for which requests had waited at the router, once a second over the last minute. */
  readonly #routerWaits: [atMs: number, waitedMs: number][] = [];
  readonly #startMs: number;

  constructor(parts: ObservatoryParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => performance.now());
    this.#unixMs = parts.unixMs ?? Date.now;
    this.#devices = readSometimes(parts.devices, this.#clock);
    this.#startMs = this.#clock();
    this.events = new EventLog(this.#unixMs);
    this.#remote = new RemoteWatch(this.#clock, (id) => parts.fleet?.router.seatsOf(id) ?? null);
    this.#effects = new ChangeEffects(this.events, this.#clock);
    this.#repeated = new RepeatedEvents(this.events, this.#clock);
    this.#modelEvents = new ModelEvents(this.events, this.#repeated);
    this.settings = new SettingsService({
      targets: () => this.#targets(),
      router: parts.fleet?.router ?? null,
      log: parts.log,
      onChange: (change) => this.#effects.changed(change, this.#figures()),
    });
  }

  /** Samples once a second from now on; holds no process open. Returns what ends it. */
  start(): () => void {
    for (const entry of this.#parts.servedModels.entries)
      if (entry.endpoint === null) this.#modelEvents.look(instanceIdOf(entry), entry);
    const timer = periodically(sampleEveryMs, () => this.sample());
    timer.unref();
    return () => {
      clearInterval(timer);
      this.history.close();
    };
  }

  /** Latencies and lengths of an engine's requests are counted through this. */
  observerFor(entry: ServedModelEntry): Pick<EngineObserver, "requestFinished"> {
    const { latencies, traffic } = this.#recordOf(entry);
    return {
      requestFinished: (record) => {
        latencies.requestFinished(record);
        traffic.requestFinished(record);
      },
    };
  }

  /** A model of this process can take requests. */
  ready(entry: ServedModelEntry): void {
    this.#modelEvents.look(instanceIdOf(entry), entry);
  }

  /** A request was turned away that could have been taken at another time; errors of the request itself are not events. */
  refused({ code, message }: PagodaError): void {
    this.#repeated.add({
      ...{ kind: "refused", instanceId: null, cause: code },
      message: (count) => (count === 1 ? message : `${count} requests were refused: ${message}`),
    });
  }

  /** An instance of the fleet is in another state. */
  instanceChanged({ instanceId, state, reason }: InstanceChange): void {
    const kind = kindOfState[state] ?? "state";
    this.events.add({
      kind,
      instanceId,
      message: `${instanceId} is ${state}: ${reason}`,
      details: { state },
    });
  }

  /** Reads the counters of every engine of this process. */
  sample(): void {
    const atMs = this.#clock();
    for (const entry of this.#parts.servedModels.entries) {
      if (entry.endpoint === null) this.#modelEvents.look(instanceIdOf(entry), entry);
      if (entry.service === null) continue;
      const record = this.#recordOf(entry);
      const sample = { atMs, observation: entry.service.observe() };
      this.history.add(instanceIdOf(entry), { unixMs: this.#unixMs(), figures: figuresNow(record, sample) });
      record.samples.add(sample);
    }
    const waitedMs = this.#parts.fleet?.router.waitedMs;
    if (waitedMs !== undefined) this.#routerWaits.push([atMs, waitedMs]);
    if (this.#routerWaits.length > 61) this.#routerWaits.shift();
    this.#repeated.look();
    this.#effects.look(() => this.#figures());
  }

  /** Of an engine of this process; null where there is none. */
  bindingLimit(entry: ServedModelEntry): BindingLimitReport | null {
    const { service } = entry;
    if (service === null) return null;
    const sample = { atMs: this.#clock(), observation: service.observe() };
    return bindingLimitOf(service, this.#recordOf(entry).samples, sample);
  }

  /** Those behind endpoints, as they are now. */
  async remoteInstances(): Promise<readonly InstanceSnapshot[]> {
    const endpoints = this.#endpoints();
    await this.#remote.refresh(endpoints);
    const instances = this.#instances(this.#clock());
    return Object.values(instances).filter(({ instanceId }) => endpoints.has(instanceId));
  }

  /** What other pool sizes would find, of every instance that reports it. */
  async prefixCurves(): Promise<PrefixCurveAnswer> {
    const instances: Record<string, InstanceCurve> = {};
    for (const entry of this.#parts.servedModels.entries)
      if (entry.service !== null) instances[instanceIdOf(entry)] = this.#curveOf(entry, entry.service);
    for (const [instanceId, told] of await this.#askAll("/admin/prefix-cache/curve")) {
      const [curve] = Object.values(prefixCurveSchema.safeParse(told).data?.instances ?? {});
      if (curve !== undefined) instances[instanceId] = curve;
    }
    return { schema: "pagoda.prefix-cache-curve/1", instances };
  }

  /** Of every instance that keeps one. */
  async historyOf(query: unknown): Promise<HistoryAnswer> {
    const nowMs = this.#unixMs();
    const question = parseHistoryQuestion(query, nowMs);
    const { fromMs, toMs, stepSeconds: step } = question;
    const instances: HistoryAnswer["instances"] = {};
    for (const entry of this.#parts.servedModels.entries)
      if (entry.service !== null)
        instances[instanceIdOf(entry)] = this.history.rows(instanceIdOf(entry), question, nowMs);
    const path = `/admin/history?from=${fromMs}&to=${toMs}&step=${step}`;
    for (const [instanceId, told] of await this.#askAll(path)) {
      const [rows] = Object.values(historySchema.safeParse(told).data?.instances ?? {});
      if (rows !== undefined) instances[instanceId] = rows;
    }
    return { schema: "pagoda.history/1", columns: [...historyColumns], step, instances };
  }

  /** When the last requests of every instance came, and how long they were. */
  async traffic(): Promise<TrafficAnswer> {
    const requests = [...this.#records.values()].flatMap(({ traffic }) => traffic.rows());
    for (const [, told] of await this.#askAll("/admin/traffic"))
      requests.push(...(trafficSchema.safeParse(told).data?.requests ?? []));
    requests.sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
    return { schema: "pagoda.traffic/1", columns: [...trafficColumns], requests };
  }

  /** What every instance behind an endpoint answers; those that do not are left out. */
  async #askAll(path: string): Promise<(readonly [instanceId: string, told: unknown])[]> {
    const asked = [...this.#endpoints()].map(async ([instanceId, endpoint]) => {
      const told = await jsonAt(endpoint, path, AbortSignal.timeout(mostAnswerMs)).catch(() => null);
      return [instanceId, told] as const;
    });
    return Promise.all(asked);
  }

  #curveOf(entry: ServedModelEntry, service: GenerationService): InstanceCurve {
    const sample = { atMs: this.#clock(), observation: service.observe() };
    return curveOf(service, this.#recordOf(entry).samples, sample);
  }

  async snapshot(frameId: string): Promise<Snapshot> {
    await this.#remote.refresh(this.#endpoints());
    const nowMs = this.#clock();
    const instances = this.#instances(nowMs);
    const { fleet } = this.#parts;
    return {
      schema: "pagoda.snapshot/1",
      frameId,
      unixMs: this.#unixMs(),
      version: this.#parts.version,
      uptimeSeconds: (nowMs - this.#startMs) / 1000,
      devices: devicesOf(this.#devices(), instances, fleet?.view().devices ?? [], {
        pid: process.pid,
        residentBytes: process.memoryUsage.rss(),
      }),
      instances,
      router: fleet === undefined ? null : routerOf(fleet),
      latency: Object.values(instances).find(({ latency }) => latency !== null)?.latency ?? [],
      bindingLimit: serverReport(Object.values(instances), this.#routerWait(nowMs)),
      events: [...this.events.events],
    };
  }

  /** Those of the fleet, then every other model of this server. */
  #instances(nowMs: number): Record<string, InstanceSnapshot> {
    const instances: Record<string, InstanceSnapshot> = {};
    const { fleet, servedModels } = this.#parts;
    const view = fleet?.view();
    for (const { instanceId, model, state, reason, pid, deviceIds } of view?.instances ?? []) {
      const facts = { instanceId, model, state, reason, pid };
      const known = this.#remote.instance(instanceId);
      instances[instanceId] =
        known === null || state !== "ready"
          ? blankInstance({ ...facts, engine: known?.engine ?? "unknown", deviceIds: [...deviceIds] })
          : { ...known, ...facts, deviceIds: [...deviceIds] };
    }
    const routed = this.#routedNames();
    for (const entry of servedModels.entries) {
      if (routed.has(entry.name) && entry.service === null) continue;
      instances[instanceIdOf(entry)] = this.#instanceOf(entry, nowMs);
    }
    return instances;
  }

  #instanceOf(entry: ServedModelEntry, nowMs: number): InstanceSnapshot {
    if (entry.endpoint === null)
      return localInstance(entry, this.#recordOf(entry), { nowMs, revision: this.settings.revision });
    const instanceId = instanceIdOf(entry);
    const facts = { instanceId, model: entry.name, state: entry.state };
    const known = this.#remote.instance(instanceId);
    if (known !== null) return { ...known, ...facts, deviceIds: [] };
    return blankInstance({ ...facts, engine: "remote", reason: null, pid: null, deviceIds: [] });
  }

  /** Of the fleet's instances, and of models of other servers. */
  #endpoints(): ReadonlyMap<string, Endpoint> {
    const { fleet, servedModels } = this.#parts;
    const endpoints = new Map(fleet?.endpoints() ?? []);
    const routed = this.#routedNames();
    for (const entry of servedModels.entries)
      if (entry.endpoint !== null && !routed.has(entry.name))
        endpoints.set(instanceIdOf(entry), entry.endpoint);
    return endpoints;
  }

  /** Models whose instances are the fleet's. */
  #routedNames(): ReadonlySet<string> {
    return new Set(this.#parts.fleet?.view().models.map(({ name }) => name));
  }

  #targets(): readonly SettingsTarget[] {
    const parts = {
      revision: () => this.settings.revision,
      restartCommand: this.#parts.restartCommand ?? (() => null),
    };
    const own = this.#parts.servedModels.entries.flatMap((entry) =>
      entry.service === null ? [] : [engineTarget(instanceIdOf(entry), entry.service, parts)],
    );
    const routed = [...(this.#parts.fleet?.endpoints() ?? [])];
    return [...own, ...routed.map(([instanceId, endpoint]) => endpointTarget(instanceId, endpoint))];
  }

  /** What a change of settings is judged by: of the first engine of this process. */
  #figures(): Readonly<Record<string, number | null>> {
    const entry = this.#parts.servedModels.entries.find(({ service }) => service !== null);
    if (entry?.service === undefined || entry.service === null) return {};
    const { samples, latencies } = this.#recordOf(entry);
    return figuresOf(samples, latencies, { atMs: this.#clock(), observation: entry.service.observe() });
  }

  /** Share of the last minute for which requests waited at the router; null: there is none. */
  #routerWait(nowMs: number): number | null {
    const [first] = this.#routerWaits;
    const waitedMs = this.#parts.fleet?.router.waitedMs;
    if (waitedMs === undefined) return null;
    return first === undefined || nowMs <= first[0] ? 0 : (waitedMs - first[1]) / (nowMs - first[0]);
  }

  #recordOf(entry: ServedModelEntry): InstanceRecord {
    let record = this.#records.get(entry);
    if (record === undefined) {
      record = {
        samples: new RecentSamples(),
        latencies: new Latencies(this.#clock),
        traffic: new TrafficRing(this.#unixMs),
      };
      this.#records.set(entry, record);
    }
    return record;
  }
}

function routerOf({ router }: FleetService): Snapshot["router"] {
  const { policy, weights } = router.settings();
  return { numWaiting: router.numWaiting, numRunning: router.numRunning, policy, weights };
}
