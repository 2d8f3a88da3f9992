/** @module A model that several instances serve, as one endpoint: what the server's routes pass requests on to. */
import { type Capabilities, features, modelRoutes } from "../../core/capabilities.ts";
import {
  callerHeaders,
  type Endpoint,
  type EndpointHealth,
  type EndpointModel,
  type EndpointSnapshot,
  type ForwardedAnswer,
  type ForwardedRequest,
} from "../../core/endpoint.ts";
import type { Router, Routing } from "./router.ts";

/** Headers that say whose request it is, in the order in which they are believed. */
const keyHeaders = ["x-llm-d-inference-fairness-id", "authorization", "x-api-key", "x-session-id"] as const;

export class FleetEndpoint implements Endpoint {
  readonly model: EndpointModel;
  readonly capabilities: Capabilities;
  readonly #router: Router;

  /** Every path and feature unless `capabilities` says less; each instance refuses what it does not have. */
  constructor(router: Router, model: EndpointModel, capabilities?: Capabilities) {
    this.#router = router;
    this.model = model;
    this.capabilities = capabilities ?? { routes: new Set(modelRoutes), features: new Set(features) };
  }

  async health(): Promise<EndpointHealth> {
    if (this.#router.numReady > 0) return { state: "ready", reason: null };
    return { state: "loading", reason: "no instance is ready" };
  }

  async snapshot(): Promise<EndpointSnapshot> {
    return {
      numRunning: this.#router.numRunning,
      numWaiting: this.#router.numWaiting,
      kvCacheUsage: null,
    };
  }

  get holdsRequests(): boolean {
    return this.#router.waitsForInstance;
  }

  /** `routing`: where the same request was routed before. */
  forward(request: ForwardedRequest, signal: AbortSignal, routing?: Routing): Promise<ForwardedAnswer> {
    const { id, cacheSalt } = request.caller ?? { id: "", cacheSalt: null };
    const headers = {
      ...request.headers,
      [callerHeaders.id]: id,
      ...(cacheSalt === null ? {} : { [callerHeaders.cacheSalt]: cacheSalt }),
    };
    const name = keyHeaders.find((header) => request.headers[header] !== undefined);
    const share = name === undefined ? id : `${name} ${request.headers[name]}`;
    return this.#router.route({ ...request, headers }, share, signal, routing);
  }
}
