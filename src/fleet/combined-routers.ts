/** @module The routers of all models as one, for those who watch or change them together. */
import type { RouterControl } from "../api/admin/fleet.ts";
import type { RouterSettings } from "../api/admin/observatory/index.ts";
import type { Router } from "./router/router.ts";

const ofNone: RouterSettings = { policy: "cost", weights: {}, maxWaiting: 0, queueDeadlineMs: 0 };

export class CombinedRouters implements RouterControl {
  readonly #routers: () => readonly Router[];

  constructor(routers: () => readonly Router[]) {
    this.#routers = routers;
  }

  get numWaiting(): number {
    return this.#routers().reduce((sum, { numWaiting }) => sum + numWaiting, 0);
  }

  get numRunning(): number {
    return this.#routers().reduce((sum, { numRunning }) => sum + numRunning, 0);
  }

  /** Of the model whose requests have waited longest. */
  get waitedMs(): number {
    return Math.max(0, ...this.#routers().map(({ waitedMs }) => waitedMs));
  }

  seatsOf(instanceId: string): number | null {
    return this.#routers().reduce<number | null>(
      (found, router) => found ?? router.seatsOf(instanceId),
      null,
    );
  }

  /** All have the same, but for the weights of their own instances. */
  settings(): RouterSettings {
    const all = this.#routers().map((router) => router.settings());
    const weights = Object.assign({}, ...all.map((settings) => settings.weights));
    return { ...(all[0] ?? ofNone), weights };
  }

  change(change: Partial<RouterSettings>): void {
    for (const router of this.#routers()) router.change(change);
  }
}
