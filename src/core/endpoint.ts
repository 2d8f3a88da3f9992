/** @module A model that another process serves: its state, and requests forwarded to it as bytes. */
import type { Capabilities } from "./capabilities.ts";

/** `failed` is final for a model of this process; for a remote one it is the result of the last exchange. */
export type ModelState = "loading" | "ready" | "draining" | "asleep" | "failed";

/** Facts about a model that another process serves. */
export interface EndpointModel {
  /** The name under which the other process serves it. */
  readonly modelId: string;
  /** null if the other process does not report it. */
  readonly maxModelLen: number | null;
  readonly createdUnixSeconds: number;
}

export interface EndpointHealth {
  readonly state: ModelState;
  /** Why it is not ready; null if it is ready or the reason is unknown. */
  readonly reason: string | null;
}

/** Load of an endpoint at one moment. */
export interface EndpointSnapshot {
  readonly numRunning: number;
  readonly numWaiting: number;
  /** Share of KV blocks in use, 0 to 1; null if it does not report it. */
  readonly kvCacheUsage: number | null;
  /** The program that it is, by its metrics' names; absent where it is not known. */
  readonly engine?: string;
  /** Cumulative since its start; absent where it does not report them. */
  readonly counters?: EndpointCounters;
}

/** null: not reported. */
export interface EndpointCounters {
  readonly numPromptTokens: number | null;
  readonly numGenerationTokens: number | null;
  readonly numPreemptions: number | null;
  readonly numPrefixQueryTokens: number | null;
  readonly numPrefixHitTokens: number | null;
}

/** Who asks, for an endpoint that this process starts and therefore trusts; other endpoints are not told. */
export interface ForwardedCaller {
  /** Tells callers apart; empty where there are no keys. */
  readonly id: string;
  /** The part of the prefix cache that is the caller's own; null: the common one. */
  readonly cacheSalt: string | null;
}

/** Under these headers a router tells its instances. */
export const callerHeaders = {
  id: "x-pagoda-caller",
  cacheSalt: "x-pagoda-cache-salt",
  /** `start SEED` or `resume`: the stream is to be marked, so that another instance can go on with it. */
  resume: "x-pagoda-resumable",
} as const;

/** The field of a request's body that says where a stream goes on; read only from a router. */
export const resumeField = "pagoda_resume";

/** What a router knows of a stream that broke off, from the marks of the instance that sent it. */
export interface StreamPosition {
  readonly seed: number;
  readonly answerId: string;
  readonly createdUnixSeconds: number;
  /** All tokens whose events were passed on. */
  readonly tokenIds: readonly number[];
  /** Whether the event of the end was passed on too: usage, and the mark of the end, are all that is missing. */
  readonly hasFinished: boolean;
}

/** Marks are comments of server-sent events: this, then what the event before it stood for. */
export const streamMark = ": pagoda ";

export interface ForwardedRequest {
  readonly method: string;
  /** Path with its query, as the client sent it. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The client's bytes, unchanged; null if the request has no body. */
  readonly body: Uint8Array | null;
  /** `body` as JSON where it was read already, so that no router reads it again; never sent. */
  readonly json?: unknown;
  readonly caller?: ForwardedCaller;
}

export interface ForwardedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** A piece is read from the other process only when the reader asks for it; leaving the iteration ends the exchange. */
  readonly body: AnswerBody;
}

export interface AnswerBody extends AsyncIterable<Uint8Array> {
  /** Breaks it off from outside; whoever waits for a piece is told the error. */
  destroy?(error: Error): void;
}

/**
 * All methods are asynchronous, because each is an exchange with another process. `GenerationService` is the door of an
 * engine in this process; it is not an `Endpoint`, and an `Endpoint` cannot replace it.
 */
export interface Endpoint {
  readonly model: EndpointModel;
  readonly capabilities: Capabilities;
  /** Whether requests may be forwarded before it is ready: they wait there. */
  readonly holdsRequests?: boolean;
  /** Never rejects: an endpoint that cannot be reached is `failed`, with the reason. */
  health(signal: AbortSignal): Promise<EndpointHealth>;
  /** null if the endpoint has no metrics that we understand. Rejects with `endpoint_unreachable`. */
  snapshot(signal: AbortSignal): Promise<EndpointSnapshot | null>;
  /**
   * Resolves once the status line has come. Aborting `signal` ends the exchange on both sides, before or after that.
   * Rejects with PagodaError `endpoint_unreachable` if no answer comes.
   */
  forward(request: ForwardedRequest, signal: AbortSignal): Promise<ForwardedAnswer>;
}
