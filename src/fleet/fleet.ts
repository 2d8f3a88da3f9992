/**
 * @module A fleet: the instances of one model on the devices of one machine, behind one router.
 */
import type { FleetService, FleetView } from "../api/admin/fleet.ts";
import type { Endpoint } from "../core/endpoint.ts";
import type { SupervisedInstance } from "./instances/supervised-instance.ts";
import type { Ledger } from "./ledger/ledger.ts";
import type { Router } from "./router/router.ts";

export class Fleet implements FleetService {
  readonly router: Router;
  readonly #instances: readonly SupervisedInstance[];
  readonly #ledger: Ledger;

  constructor(router: Router, instances: readonly SupervisedInstance[], ledger: Ledger) {
    this.router = router;
    this.#instances = instances;
    this.#ledger = ledger;
  }

  /** Starts all, one after another on each device. Resolves when each is ready or has failed for good. */
  async start(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.start()));
  }

  get numReady(): number {
    return this.#instances.filter(({ state }) => state === "ready").length;
  }

  /** Books what every instance holds now. */
  measure(): void {
    for (const instance of this.#instances) instance.measure();
  }

  /** Lets all requests finish within the grace time, then ends every instance. */
  async stop(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.stop()));
  }

  /** Ends every instance at once. */
  async kill(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.kill()));
  }

  endpoints(): ReadonlyMap<string, Endpoint> {
    return this.router.endpoints();
  }

  view(): FleetView {
    return {
      schema: "pagoda.fleet/1",
      model: this.router.model,
      numWaiting: this.router.numWaiting,
      instances: this.#instances.map(({ instanceId, state, reason, pid }) => ({
        instanceId,
        state,
        reason,
        pid,
        numOpen: this.router.numOpen(instanceId),
      })),
      devices: this.#ledger.devices(),
    };
  }
}
