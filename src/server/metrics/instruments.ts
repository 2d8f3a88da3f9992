/** @module Gauges, counters and histograms that are made when they are first written, by name. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { type MetricName, metricTable } from "./metric-table.ts";

export type Labels = Readonly<Record<string, string>>;

export class Instruments {
  readonly #registry: Registry;
  readonly #gauges = new Map<string, Gauge<string>>();
  readonly #counters = new Map<string, Counter<string>>();
  /** Counters whose figures are read, and not counted here. */
  readonly #readCounters = new Set<Counter<string>>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  histogram(name: MetricName, buckets: readonly number[], labelNames: readonly string[]): Histogram<string> {
    const { help } = metricTable[name];
    const registers = [this.#registry];
    return new Histogram({ name, help, buckets: [...buckets], labelNames: [...labelNames], registers });
  }

  counter(name: MetricName, labelNames: readonly string[]): Counter<string> {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      const { help } = metricTable[name];
      counter = new Counter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
      this.#counters.set(name, counter);
    }
    return counter;
  }

  /** What is read is written anew by each scrape: a series whose labels have changed, or whose instance is gone, must not stay. */
  forgetReadings(): void {
    for (const gauge of this.#gauges.values()) gauge.reset();
    for (const counter of this.#readCounters) counter.reset();
  }

  setGauge(name: MetricName, value: number, labels: Labels): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      const { help } = metricTable[name];
      gauge = new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    gauge.set(labels, value);
  }

  /** For a figure that is cumulative already: the counter is set to it. */
  setCounter(name: MetricName, total: number, labels: Labels): void {
    const counter = this.counter(name, Object.keys(labels));
    this.#readCounters.add(counter);
    counter.remove(labels);
    counter.inc(labels, total);
  }
}
