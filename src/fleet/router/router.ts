/**
 * @module The router of one model: holds requests while all instances are full, chooses where each goes, passes it on, and
 * tries another instance where nothing of the answer has been seen yet.
 */

import type { RouterControl } from "../../api/admin/fleet.ts";
import type { RouterSettings } from "../../api/admin/observatory/index.ts";
import type { Endpoint, ForwardedAnswer, ForwardedRequest } from "../../core/endpoint.ts";
import { invariant, PagodaError } from "../../core/errors.ts";
import { Affinity, type EndpointSize, type Sent } from "./affinity.ts";
import { Breaker } from "./breaker.ts";
import { brokenStreamText } from "./broken-stream.ts";
import { pieceChain, tokensPerPiece } from "./prefixes/prompt-pieces.ts";
import { promptText } from "./prefixes/prompt-text.ts";
import { type QueueLimits, RequestQueue } from "./request-queue.ts";
import { watchedAnswer } from "./watched-answer.ts";

export interface RouterOptions {
  readonly queue: QueueLimits;
  /** Milliseconds a request may wait for an instance. */
  readonly queueDeadlineMs: number;
  /** Requests that an instance gets beyond its seats, so that a step never waits for the router. */
  readonly lookahead: number;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

export const defaultRouterOptions: RouterOptions = {
  queue: { mostWaiting: 1000 },
  queueDeadlineMs: 60_000,
  lookahead: 2,
  clock: () => performance.now(),
};

export interface RoutedEndpoint extends EndpointSize {
  readonly endpointId: string;
  readonly endpoint: Endpoint;
}

interface Instance {
  readonly endpoint: Endpoint;
  readonly seats: number;
  readonly breaker: Breaker;
  isDraining: boolean;
  /** Told when the last request of a draining instance has ended. */
  onIdle: (() => void) | null;
}

/** Attempts in all, each at another instance. */
const mostAttempts = 3;
/** Answers that say "not here, not now": nothing was computed, so another instance may be asked. */
const retriableStatus: ReadonlySet<number> = new Set([429, 502, 503]);

export class Router implements RouterControl {
  readonly model: string;
  #options: RouterOptions;
  readonly #affinity: Affinity;
  readonly #queue: RequestQueue;
  readonly #instances = new Map<string, Instance>();

  constructor(model: string, options: RouterOptions = defaultRouterOptions) {
    this.model = model;
    this.#options = options;
    this.#affinity = new Affinity(options.clock);
    this.#queue = new RequestQueue(options.queue, () => this.#passable(new Set()).length > 0, options.clock);
  }

  /** Instances that take new requests. */
  get numReady(): number {
    return [...this.#instances.values()].filter(({ isDraining }) => !isDraining).length;
  }

  /** Requests on their way at all instances. */
  get numRunning(): number {
    return [...this.#instances.keys()].reduce((sum, id) => sum + this.numOpen(id), 0);
  }

  get numWaiting(): number {
    return this.#queue.numWaiting;
  }

  /** Milliseconds since the start during which at least one request waited here. */
  get waitedMs(): number {
    return this.#queue.waitedMs;
  }

  /** Of the instances that take new requests. */
  endpoints(): ReadonlyMap<string, Endpoint> {
    const ready = [...this.#instances].filter(([, { isDraining }]) => !isDraining);
    return new Map(ready.map(([id, { endpoint }]) => [id, endpoint]));
  }

  seatsOf(endpointId: string): number | null {
    return this.#instances.get(endpointId)?.seats ?? null;
  }

  settings(): RouterSettings {
    const { policy, weights } = this.#affinity.preference;
    const { queue, queueDeadlineMs } = this.#options;
    return {
      policy,
      weights: Object.fromEntries([...this.#instances.keys()].map((id) => [id, weights.get(id) ?? 1])),
      maxWaiting: queue.mostWaiting,
      queueDeadlineMs,
    };
  }

  /** Holds for requests that come from now on, and for those that wait. */
  change({ policy, weights, maxWaiting, queueDeadlineMs }: Partial<RouterSettings>): void {
    const { preference } = this.#affinity;
    this.#affinity.preference = {
      policy: policy ?? preference.policy,
      weights: weights === undefined ? preference.weights : new Map(Object.entries(weights)),
    };
    const queue = { mostWaiting: maxWaiting ?? this.#options.queue.mostWaiting };
    this.#options = {
      ...this.#options,
      queue,
      queueDeadlineMs: queueDeadlineMs ?? this.#options.queueDeadlineMs,
    };
    this.#queue.limits = queue;
  }

  /** Requests on their way at an instance. */
  numOpen(endpointId: string): number {
    return this.#instances.has(endpointId) ? this.#affinity.load(endpointId).numOpen : 0;
  }

  /** An instance that is ready: it gets requests from now on. */
  add({ endpointId, endpoint, seats, poolTokens }: RoutedEndpoint): void {
    this.#affinity.add(endpointId, { seats, poolTokens });
    const breaker = new Breaker(this.#options.clock);
    this.#instances.set(endpointId, { endpoint, seats, breaker, isDraining: false, onIdle: null });
    this.#queue.wake();
  }

  /** An instance that has ended: it is forgotten, with its prefixes. */
  remove(endpointId: string): void {
    this.#instances.get(endpointId)?.onIdle?.();
    this.#instances.delete(endpointId);
    this.#affinity.remove(endpointId);
  }

  /** Sends nothing more to an instance; resolves when its last request has ended. */
  drain(endpointId: string): Promise<void> {
    const instance = this.#instances.get(endpointId);
    if (instance === undefined) return Promise.resolve();
    instance.isDraining = true;
    if (this.numOpen(endpointId) === 0) return Promise.resolve();
    return new Promise((resolve) => {
      instance.onIdle = resolve;
    });
  }

  /**
   * Routes one request. `key` is whose share it counts against.
   * @throws PagodaError `overloaded`, `not_ready`; the reason of the signal once the client has left.
   */
  async route(asked: ForwardedRequest, key: string, signal: AbortSignal): Promise<ForwardedAnswer> {
    const body = jsonOf(asked.body);
    const chain = pieceChain([asked.caller?.cacheSalt ?? "", ...promptText(body)]);
    const tried = new Set<string>();
    for (let attempt = 1; ; attempt += 1) {
      const sent = await this.#enter(signal, chain, { key, priority: priorityOf(body) }, tried);
      const answer = await this.#attempt(sent, asked, signal, { tried, attempt });
      if (answer !== null) return answer;
    }
  }

  /** Waits for room and books the request where it is cheapest, in one step. */
  async #enter(
    signal: AbortSignal,
    chain: Int32Array,
    share: { readonly key: string; readonly priority: number },
    tried: ReadonlySet<string>,
  ): Promise<Sent> {
    if (this.#instances.size === 0)
      throw new PagodaError("not_ready", `No instance of ${this.model} is ready.`, {
        hint: "Try again in a few seconds.",
      });
    const tokens = (chain.length + 1) * tokensPerPiece;
    const deadlineMs = this.#options.queueDeadlineMs;
    return this.#queue.enter({ ...share, tokens, deadlineMs, signal }, () => this.#send(chain, tried));
  }

  /** Instances that may get a request now, those not tried yet first. */
  #passable(tried: ReadonlySet<string>): string[] {
    const ids: string[] = [];
    for (const [id, { breaker, isDraining, seats }] of this.#instances) {
      const isFull = this.#affinity.load(id).numOpen >= seats + this.#options.lookahead;
      if (!isDraining && !isFull && breaker.isPassable) ids.push(id);
    }
    const fresh = ids.filter((id) => !tried.has(id));
    return fresh.length > 0 ? fresh : ids;
  }

  #send(chain: Int32Array, tried: ReadonlySet<string>): Sent {
    const ids = this.#passable(tried);
    invariant(ids.length > 0, () => "a request was let in and no instance has room");
    const sent = this.#affinity.send(chain, ids);
    this.#instances.get(sent.endpointId)?.breaker.begin();
    return sent;
  }

  /** null: this instance failed before its answer began, and another may be tried. */
  async #attempt(
    sent: Sent,
    asked: ForwardedRequest,
    signal: AbortSignal,
    tries: { readonly tried: Set<string>; readonly attempt: number },
  ): Promise<ForwardedAnswer | null> {
    const instance = this.#instances.get(sent.endpointId);
    invariant(instance !== undefined, () => `no instance ${sent.endpointId}`);
    tries.tried.add(sent.endpointId);
    const isLast = tries.attempt >= mostAttempts || tries.tried.size >= this.#instances.size;
    let answer: ForwardedAnswer;
    try {
      answer = await instance.endpoint.forward(asked, signal);
    } catch (error) {
      this.#ended(instance, sent);
      if (signal.aborted) {
        instance.breaker.undecided();
        throw signal.reason;
      }
      instance.breaker.failed();
      if (isLast) throw error;
      return null;
    }
    if (!retriableStatus.has(answer.status) || isLast)
      return this.#passOn(instance, sent, asked, { answer, attempt: tries.attempt });
    const isBusy = answer.headers["retry-after"] !== undefined || answer.status === 429;
    if (isBusy) instance.breaker.undecided();
    else instance.breaker.failed();
    await answer.body[Symbol.asyncIterator]().return?.();
    this.#ended(instance, sent);
    return null;
  }

  #passOn(
    instance: Instance,
    sent: Sent,
    asked: ForwardedRequest,
    { answer, attempt }: { readonly answer: ForwardedAnswer; readonly attempt: number },
  ): ForwardedAnswer {
    if (answer.status >= 500 && answer.headers["retry-after"] === undefined) instance.breaker.failed();
    else if (answer.status >= 400) instance.breaker.undecided();
    else instance.breaker.succeeded();
    const body = watchedAnswer(answer.body, {
      isStreamed: streamTypes.test(String(answer.headers["content-type"])),
      onFirstByte: sent.firstByte,
      onEnd: () => this.#ended(instance, sent),
      brokenStreamText: (cause) => brokenStreamText(asked.path, brokenStream(sent.endpointId, cause)),
    });
    return {
      status: answer.status,
      headers: {
        ...answer.headers,
        "x-pagoda-instance": sent.endpointId,
        "x-pagoda-route-reason": `${sent.reason}; match=${sent.matchedTokens}; attempts=${attempt}`,
      },
      body,
    };
  }

  #ended(instance: Instance, sent: Sent): void {
    sent.end();
    if (this.numOpen(sent.endpointId) === 0) instance.onIdle?.();
    this.#queue.wake();
  }
}

const streamTypes = /^(?:text\/event-stream|application\/x-ndjson)/;

function brokenStream(endpointId: string, cause: string): PagodaError {
  return new PagodaError("engine_failed", `The instance ${endpointId} ended while it answered: ${cause}.`, {
    hint: "Send the request again: another instance will answer it.",
  });
}

function priorityOf(body: unknown): number {
  if (typeof body !== "object" || body === null || !("priority" in body)) return 0;
  return typeof body.priority === "number" && Number.isFinite(body.priority) ? body.priority : 0;
}

/** The body as JSON; null where it is none. What is wrong with it is for the instance to say. */
function jsonOf(body: Uint8Array | null): unknown {
  if (body === null || body.length === 0) return null;
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8"));
  } catch {
    return null;
  }
}
