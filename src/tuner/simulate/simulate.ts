/** @module Plays traffic to the simulated engine: what a setting would come to, without computing a token. */
import { SimulatedEngine, type SimulationOptions } from "../../engine/simulation/simulated-engine.ts";
import { figuresOf, type LoadFigures, type RequestTimes } from "../traffic/figures.ts";
import type { Traffic, TrafficRequest } from "../traffic/traffic.ts";

/** Every request of `traffic` must fit into the pool. */
export function simulate(traffic: Traffic, options: SimulationOptions): LoadFigures {
  const player = new TrafficPlayer(traffic, new SimulatedEngine(options));
  return player.play();
}

class TrafficPlayer {
  readonly #traffic: Traffic;
  readonly #engine: SimulatedEngine;
  readonly #ended: RequestTimes[] = [];
  #next = 0;
  #numFreeUsers: number;

  constructor(traffic: Traffic, engine: SimulatedEngine) {
    this.#traffic = traffic;
    this.#engine = engine;
    this.#numFreeUsers = traffic.numUsers ?? Number.POSITIVE_INFINITY;
  }

  play(): LoadFigures {
    this.#submitArrived();
    while (this.#engine.hasWork || this.#upcoming !== null) {
      if (!this.#engine.hasWork)
        this.#engine.nowMs = Math.max(this.#engine.nowMs, this.#upcoming?.arrivesMs ?? 0);
      this.#submitArrived();
      this.#engine.step((ending) => {
        this.#numFreeUsers++;
        this.#ended.push({ ...ending, numOutputTokens: ending.request.numOutputTokens });
        this.#submitArrived();
      });
    }
    return figuresOf(this.#ended, {
      startedMs: 0,
      numPreemptions: this.#engine.numPreemptions,
      ...this.#engine.prefixCounts,
    });
  }

  get #upcoming(): TrafficRequest | null {
    return this.#traffic.requests[this.#next] ?? null;
  }

  #submitArrived(): void {
    for (let request = this.#upcoming; request !== null; request = this.#upcoming) {
      if (this.#numFreeUsers === 0 || request.arrivesMs > this.#engine.nowMs) return;
      this.#engine.submit(request, this.#traffic.isTimed ? request.arrivesMs : this.#engine.nowMs);
      this.#numFreeUsers--;
      this.#next++;
    }
  }
}
