/** @module A served model in another process: how it is, and requests passed on to it as bytes. */
import type { Capabilities } from "./capabilities.ts";

/** `failed` is final for a model of this process; for a remote one it is what the last exchange with it showed. */
export type ModelState = "loading" | "ready" | "draining" | "asleep" | "failed";

/** What is known of a model that another process serves. */
export interface EndpointModel {
  /** The name under which the other process serves it. */
  readonly modelId: string;
  /** null where the other process does not say. */
  readonly maxModelLen: number | null;
  readonly createdUnixSeconds: number;
}

export interface EndpointHealth {
  readonly state: ModelState;
  /** Why it is not ready; null where it is, or where nothing is known. */
  readonly reason: string | null;
}

/** Load of an endpoint at one moment. */
export interface EndpointSnapshot {
  readonly numRunning: number;
  readonly numWaiting: number;
  /** Share of KV blocks in use, 0 to 1; null where it does not say. */
  readonly kvCacheUsage: number | null;
}

export interface ForwardedRequest {
  readonly method: string;
  /** Path with its query, as the client sent it. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As it came from the client: not parsed and written again. null where there is none. */
  readonly body: Uint8Array | null;
}

export interface ForwardedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** The next piece is read from the other process only when it is asked for; leaving the iteration ends the exchange. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Everything is asynchronous, because everything is an exchange with another process. `GenerationService` is the door of an
 * engine in this process; it is not an `Endpoint`, and an `Endpoint` cannot stand in for it.
 */
export interface Endpoint {
  readonly model: EndpointModel;
  readonly capabilities: Capabilities;
  /** Never rejects: an endpoint that cannot be reached is `failed`, with the reason. */
  health(signal: AbortSignal): Promise<EndpointHealth>;
  /** null where the endpoint has no metrics that are understood. Rejects with `endpoint_unreachable`. */
  snapshot(signal: AbortSignal): Promise<EndpointSnapshot | null>;
  /**
   * Resolves once the status line has come. Aborting `signal` ends the exchange at either side, before or after that.
   * Rejects with PagodaError `endpoint_unreachable` where no answer came.
   */
  forward(request: ForwardedRequest, signal: AbortSignal): Promise<ForwardedAnswer>;
}
