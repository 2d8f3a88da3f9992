/** @module The models of nodes that registered themselves: each model has a router over the nodes that serve it. */
import { setTimeout as pause } from "node:timers/promises";
import type { NodeDoor, NodeStatus } from "../../../api/admin/nodes.ts";
import type { EndpointSize } from "../../router/choice/affinity.ts";
import { FleetEndpoint } from "../../router/fleet-endpoint.ts";
import { defaultRouterOptions, Router } from "../../router/router.ts";
import { NodeRegistry, type ReadyNode } from "./node-registry.ts";

export interface JoinedNodesParts {
  /** Addresses of this or other machines from which nodes may register; `any`: from everywhere. The loopback ones always may. */
  readonly addresses: readonly string[];
  /** A node serves a model that none served before. */
  readonly onModel: (name: string, endpoint: FleetEndpoint) => void;
  /** For the log. */
  readonly onChange: (url: string, isReady: boolean) => void;
}

/** The protocol tells neither; these are what both engines of LMDeploy take where nothing else is stated. */
const nodeSize: EndpointSize = { seats: 128, poolTokens: 65_536 };
const loopback: ReadonlySet<string> = new Set(["127.0.0.1", "::1"]);

export class JoinedNodes implements NodeDoor {
  readonly #parts: JoinedNodesParts;
  readonly #routers = new Map<string, Router>();
  readonly #registry: NodeRegistry;

  constructor(parts: JoinedNodesParts) {
    this.#parts = parts;
    this.#registry = new NodeRegistry({
      onReady: (node) => this.#join(node),
      onAway: (url) => this.#leave(url),
      wait: (ms, signal) => pause(ms, undefined, { signal, ref: false }).catch(() => undefined),
    });
  }

  accepts(address: string): boolean {
    const { addresses } = this.#parts;
    return loopback.has(address) || addresses.includes(address) || addresses.includes("any");
  }

  add(url: string, status: NodeStatus): void {
    this.#registry.add(url, status);
  }

  remove(url: string): boolean {
    return this.#registry.remove(url);
  }

  nodes(): Readonly<Record<string, NodeStatus>> {
    const numOpen = (url: string): number =>
      [...this.#routers.values()].reduce((sum, router) => sum + router.numOpen(url), 0);
    const entries = Object.entries(this.#registry.nodes());
    return Object.fromEntries(entries.map(([url, node]) => [url, { ...node, unfinished: numOpen(url) }]));
  }

  close(): void {
    this.#registry.close();
  }

  #join({ url, models, endpoint }: ReadyNode): void {
    for (const model of models) {
      const known = this.#routers.get(model);
      const router = known ?? new Router(model, { ...defaultRouterOptions, waitsForInstance: true });
      router.add({ endpointId: url, endpoint: endpoint(model), ...nodeSize });
      if (known !== undefined) continue;
      this.#routers.set(model, router);
      const createdUnixSeconds = Math.floor(Date.now() / 1000);
      this.#parts.onModel(
        model,
        new FleetEndpoint(router, { modelId: model, maxModelLen: null, createdUnixSeconds }),
      );
    }
    this.#parts.onChange(url, true);
  }

  #leave(url: string): void {
    for (const router of this.#routers.values()) router.remove(url);
    this.#parts.onChange(url, false);
  }
}
