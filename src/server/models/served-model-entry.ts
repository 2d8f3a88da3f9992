/** @module One model that this server answers for: its names, its state, and the engine or endpoint behind it. */
import type { Capabilities } from "../../core/capabilities.ts";
import type { Endpoint, EndpointHealth, EndpointModel, ModelState } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationService, ServedModel } from "../../core/generation.ts";
import { engineRoutes } from "./engine-routes.ts";

/** Names and labels of a served model. */
export interface ModelListing {
  /** The first is the answer's `model` and the label of its metrics. */
  readonly names: readonly [string, ...string[]];
  /** Requests for a name that no model has are for this one. */
  readonly acceptsAnyName: boolean;
  /** `system_fingerprint` of answers: changes with everything that may change their text. */
  readonly fingerprint: string;
}

/** An engine of this process, or another process. */
export type Backing =
  | { readonly kind: "service"; readonly service: GenerationService }
  | { readonly kind: "endpoint"; readonly endpoint: Endpoint };

export class ServedModelEntry {
  readonly listing: ModelListing;
  /** Which of the models with this name it is, from 0: the `engine` label of vLLM's metrics. */
  readonly engineIndex: number;
  /** Facts of the model, known before it is loaded; null for a remote one. */
  readonly #described: ServedModel | null;
  #backing: Backing | null = null;
  #isDraining = false;
  #endpointHealth: EndpointHealth = { state: "loading", reason: null };

  constructor(listing: ModelListing, engineIndex: number, described: ServedModel | null) {
    this.listing = listing;
    this.engineIndex = engineIndex;
    this.#described = described;
  }

  /** The name under which answers and metrics speak of it. */
  get name(): string {
    return this.listing.names[0];
  }

  get model(): ServedModel | EndpointModel | null {
    const backing = this.#backing;
    if (backing === null) return this.#described;
    return backing.kind === "service" ? backing.service.model : backing.endpoint.model;
  }

  /** null until one is attached. */
  get backing(): Backing | null {
    return this.#backing;
  }

  /** The engine of this process behind it, in any state; null where there is none. */
  get service(): GenerationService | null {
    return this.#backing?.kind === "service" ? this.#backing.service : null;
  }

  get endpoint(): Endpoint | null {
    return this.#backing?.kind === "endpoint" ? this.#backing.endpoint : null;
  }

  get capabilities(): Capabilities | null {
    const { service, endpoint } = this;
    if (endpoint !== null) return endpoint.capabilities;
    return service === null ? null : { routes: engineRoutes, features: service.model.features };
  }

  get state(): ModelState {
    if (this.#isDraining) return "draining";
    const backing = this.#backing;
    if (backing === null) return "loading";
    if (backing.kind === "endpoint") return this.#endpointHealth.state;
    if (backing.service.failure() !== null) return "failed";
    return backing.service.sleepLevel === null ? "ready" : "asleep";
  }

  /** Call when the service can answer: from then on `/health` says so. */
  attach(service: GenerationService): void {
    this.#backing = { kind: "service", service };
  }

  attachEndpoint(endpoint: Endpoint): void {
    this.#backing = { kind: "endpoint", endpoint };
    this.#endpointHealth = { state: "ready", reason: null };
  }

  /** What an exchange with the endpoint has shown. */
  noteHealth(health: EndpointHealth): void {
    this.#endpointHealth = health;
  }

  /** From now on new requests are refused. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Whether a load balancer may take it for alive: ready, or asleep where it is woken by a call or by a request. */
  get isWell(): boolean {
    const { state, endpoint } = this;
    return (
      state === "ready" || (state === "asleep" && (endpoint === null || endpoint.holdsRequests === true))
    );
  }

  /** Throws `not_ready` or `engine_failed`, naming the model, unless it can take a request now. */
  requireReady(): Backing {
    const { state } = this;
    // An endpoint that has failed is asked again by the next request: it may be back.
    const canBeAsked =
      state === "ready" ||
      (state === "failed" && this.endpoint !== null) ||
      (state !== "draining" && this.endpoint?.holdsRequests === true);
    if (canBeAsked && this.#backing !== null) return this.#backing;
    throw this.#refusal(state);
  }

  #refusal(state: ModelState): PagodaError {
    switch (state) {
      case "draining":
        return new PagodaError(
          "not_ready",
          `The server is shutting down and takes no requests for '${this.name}'.`,
          {
            hint: "Send the request to another server.",
          },
        );
      case "asleep":
        return new PagodaError("not_ready", `The model '${this.name}' is asleep.`, {
          hint: "Wake it with POST /wake_up, then send the request again.",
        });
      case "failed":
        return new PagodaError(
          "engine_failed",
          `The engine of '${this.name}' has stopped: ${this.#failureReason()}.`,
          {
            hint: "Restart the server; its log has the details.",
          },
        );
      default:
        return new PagodaError("not_ready", `The model '${this.name}' is still loading.`, {
          hint: "Send the request again when /health answers 200.",
        });
    }
  }

  #failureReason(): string {
    const reason = this.service?.failure() ?? this.#endpointHealth.reason ?? "no reason is known";
    return reason.replace(/\.$/, "");
  }
}
