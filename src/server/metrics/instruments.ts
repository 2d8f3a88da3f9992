/** @module Gauges, counters and histograms that are made when they are first written, by name. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export type Labels = Readonly<Record<string, string>>;

export class Instruments {
  readonly #registry: Registry;
  readonly #gauges = new Map<string, Gauge<string>>();
  readonly #counters = new Map<string, Counter<string>>();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  histogram(name: string, help: string, buckets: number[], labelNames: readonly string[]): Histogram<string> {
    return new Histogram({ name, help, buckets, labelNames: [...labelNames], registers: [this.#registry] });
  }

  counter(name: string, help: string, labelNames: readonly string[]): Counter<string> {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = new Counter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
      this.#counters.set(name, counter);
    }
    return counter;
  }

  /** Every series is written anew by each scrape: one whose labels have changed must not stay. */
  forgetGauges(): void {
    for (const gauge of this.#gauges.values()) gauge.reset();
  }

  setGauge(name: string, help: string, value: number, labels: Labels): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    gauge.set(labels, value);
  }

  /** For a figure that is cumulative already: the counter is set to it. */
  setCounter(name: string, help: string, total: number, labels: Labels): void {
    const counter = this.counter(name, help, Object.keys(labels));
    counter.remove(labels);
    counter.inc(labels, total);
  }
}
