/** @module Prometheus metrics: vLLM's names, which gateways and dashboards read, and our own beside them. */
import { Registry } from "prom-client";
import type { BindingLimitReport, InstanceSnapshot } from "../../api/admin/observatory/index.ts";
import type { EngineObserver } from "../../core/generation.ts";
import type { ConnectionLedger } from "../connections/connection-ledger.ts";
import type { ServedModelEntry } from "../models/served-model-entry.ts";
import { readConnections } from "./connection-metrics.ts";
import { readLimits, readMemory, readState, readStats } from "./engine-metrics.ts";
import { EventLoopMetrics } from "./event-loop-metrics.ts";
import { HttpMetrics } from "./http-metrics.ts";
import { readInstance } from "./instance-metrics.ts";
import { Instruments } from "./instruments.ts";
import { labelsOf } from "./model-labels.ts";
import { readProcess } from "./process-metrics.ts";
import { RequestMetrics } from "./request-metrics.ts";

/** What binds a model's engine; null: nobody watches. */
type LimitOf = (entry: ServedModelEntry) => BindingLimitReport | null;

export class ServerMetrics {
  readonly http: HttpMetrics;
  readonly eventLoop = new EventLoopMetrics();
  readonly #registry = new Registry();
  readonly #instruments = new Instruments(this.#registry);
  readonly #requests = new RequestMetrics(this.#instruments);

  readonly #numDroppedLogLines: () => number;
  #connections: ConnectionLedger | null = null;

  constructor(numDroppedLogLines: () => number) {
    this.#numDroppedLogLines = numDroppedLogLines;
    this.http = new HttpMetrics(this.#registry);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Its figures are shown from now on. */
  watchConnections(connections: ConnectionLedger): void {
    this.#connections = connections;
  }

  /** Counts the requests and steps of an engine under the labels of `entry`. */
  observerFor(entry: ServedModelEntry): EngineObserver {
    return this.#requests.observer(labelsOf(entry));
  }

  /** The exposition text, with gauges and counters read from the engines now. `remote`: instances of other processes. */
  scrape(
    entries: readonly ServedModelEntry[],
    limitOf: LimitOf = () => null,
    remote: readonly InstanceSnapshot[] = [],
  ): Promise<string> {
    this.#instruments.forgetReadings();
    readProcess(this.#instruments);
    this.#instruments.setCounter("pagoda:log_lines_dropped_total", this.#numDroppedLogLines(), {});
    this.eventLoop.read(this.#instruments);
    if (this.#connections !== null) readConnections(this.#instruments, this.#connections);
    for (const entry of entries) {
      const labels = labelsOf(entry);
      readState(this.#instruments, labels, entry.state);
      if (entry.service === null) continue;
      readStats(this.#instruments, labels, entry.service.stats());
      readMemory(this.#instruments, labels, entry.service.memory());
      const limit = limitOf(entry);
      if (limit !== null) readLimits(this.#instruments, labels, limit, entry.service.settings());
    }
    for (const instance of remote) readInstance(this.#instruments, instance);
    return this.#registry.metrics();
  }
}
