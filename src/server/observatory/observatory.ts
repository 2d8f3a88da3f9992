/** @module Gathers what the server, its models and their devices do: samples once a second, snapshots when asked. */
import type { AdminEventKind, InstanceSnapshot, Snapshot } from "../../api/admin/observatory/index.ts";
import type { EngineObserver } from "../../core/generation.ts";
import type { ServedModelEntry } from "../models/served-model-entry.ts";
import type { ServedModels } from "../models/served-models.ts";
import { combinedReport, unknownLimit } from "./binding-report.ts";
import { devicesOf, type ReadDevices } from "./devices.ts";
import { EventLog } from "./event-log.ts";
import { blankInstance, type InstanceRecord, instanceIdOf, localInstance } from "./instance-view.ts";
import { Latencies } from "./latencies.ts";
import { RecentSamples } from "./recent-samples.ts";

export interface ObservatoryParts {
  readonly servedModels: ServedModels;
  readonly version: string;
  readonly devices: ReadDevices;
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
const kindOfState: Readonly<Record<string, AdminEventKind>> = {
  starting: "started",
  ready: "ready",
  draining: "drained",
  crashloop: "died",
  failed: "died",
};

export class Observatory {
  readonly events: EventLog;
  readonly #parts: ObservatoryParts;
  readonly #clock: () => number;
  readonly #unixMs: () => number;
  readonly #records = new Map<ServedModelEntry, InstanceRecord>();
  readonly #startMs: number;

  constructor(parts: ObservatoryParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => performance.now());
    this.#unixMs = parts.unixMs ?? Date.now;
    this.#startMs = this.#clock();
    this.events = new EventLog(this.#unixMs);
  }

  /** Samples once a second from now on; holds no process open. Returns what ends it. */
  start(): () => void {
    const timer = setInterval(() => this.sample(), sampleEveryMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  /** Latencies of an engine are counted through this. */
  observerFor(entry: ServedModelEntry): Pick<EngineObserver, "requestFinished"> {
    return this.#recordOf(entry).latencies;
  }

  /** A model of this process can take requests. */
  ready(entry: ServedModelEntry): void {
    this.events.add({ kind: "ready", instanceId: instanceIdOf(entry), message: `${entry.name} is ready.` });
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
    for (const entry of this.#parts.servedModels.entries)
      if (entry.service !== null)
        this.#recordOf(entry).samples.add({ atMs, observation: entry.service.observe() });
  }

  async snapshot(frameId: string): Promise<Snapshot> {
    const nowMs = this.#clock();
    const instances: Record<string, InstanceSnapshot> = {};
    for (const entry of this.#parts.servedModels.entries)
      instances[instanceIdOf(entry)] = this.#instanceOf(entry, nowMs);
    const reports = Object.values(instances).map(({ bindingLimit }) => bindingLimit ?? unknownLimit);
    return {
      schema: "pagoda.snapshot/1",
      frameId,
      unixMs: this.#unixMs(),
      version: this.#parts.version,
      uptimeSeconds: (nowMs - this.#startMs) / 1000,
      devices: devicesOf(this.#parts.devices(), instances),
      instances,
      router: null,
      latency: Object.values(instances).find(({ latency }) => latency !== null)?.latency ?? [],
      bindingLimit: combinedReport(reports),
      events: [...this.events.events],
    };
  }

  #instanceOf(entry: ServedModelEntry, nowMs: number): InstanceSnapshot {
    if (entry.endpoint === null) return localInstance(entry, entry.service, this.#recordOf(entry), nowMs);
    return blankInstance({
      instanceId: instanceIdOf(entry),
      model: entry.name,
      engine: "remote",
      state: entry.state,
      reason: null,
      pid: null,
      deviceIds: [],
    });
  }

  #recordOf(entry: ServedModelEntry): InstanceRecord {
    let record = this.#records.get(entry);
    if (record === undefined) {
      record = { samples: new RecentSamples(), latencies: new Latencies(this.#clock) };
      this.#records.set(entry, record);
    }
    return record;
  }
}
