/**
 * @module The router of one model: holds requests while all instances are full, chooses where each goes, passes it on, and
 * tries another instance where nothing of the answer has been seen yet.
 */

import type { RouterControl } from "../../api/admin/fleet.ts";
import type { RouterSettings } from "../../api/admin/observatory/index.ts";
import {
  callerHeaders,
  type Endpoint,
  type ForwardedAnswer,
  type ForwardedRequest,
} from "../../core/endpoint.ts";
import { invariant, PagodaError } from "../../core/errors.ts";
import { answerTokens } from "./answers/answer-tokens.ts";
import { brokenStream, brokenStreamText, isStreamed } from "./answers/broken-stream.ts";
import { watchedAnswer } from "./answers/watched-answer.ts";
import { Attempts, hasReached } from "./attempts.ts";
import { Breaker } from "./breaker.ts";
import { Affinity, type EndpointSize, type Sent } from "./choice/affinity.ts";
import { tokensPerPiece } from "./choice/prefixes/prompt-pieces.ts";
import { type RoutedPrompt, routedPrompt } from "./choice/prefixes/routed-prompt.ts";
import { type QueueLimits, RequestQueue } from "./request-queue.ts";
import { isMarked, mayBeResumed, resumedAnswer } from "./resume/resumed-answer.ts";

export interface RouterOptions {
  readonly queue: QueueLimits;
  /** Milliseconds a request may wait for an instance. */
  readonly queueDeadlineMs: number;
  /** Requests that an instance gets beyond its seats, so that a step never waits for the router. */
  readonly lookahead: number;
  /** Milliseconds after which a stream that has begun and then says nothing is given up. */
  readonly mostSilenceMs: number;
  /** Default: no. */
  readonly resumesStreams?: boolean;
  /** Whether requests wait here while there is no instance, or are refused at once for their sender to do something. */
  readonly waitsForInstance: boolean;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

export const defaultRouterOptions: RouterOptions = {
  queue: { mostWaiting: 1000 },
  queueDeadlineMs: 60_000,
  lookahead: 2,
  mostSilenceMs: 120_000,
  waitsForInstance: false,
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

/** One request, over every time it is routed. */
export interface Routing {
  readonly prompt: RoutedPrompt;
  readonly attempts: Attempts;
}

/** One attempt. */
interface Attempt extends Routing {
  readonly instance: Instance;
  readonly sent: Sent;
  readonly key: string;
  readonly signal: AbortSignal;
}

/** Answers that say "not here, not now": nothing was computed, so another instance may be asked. */
const retriableStatus: ReadonlySet<number> = new Set([429, 502, 503]);

export class Router implements RouterControl {
  readonly model: string;
  #options: RouterOptions;
  /** Whether another instance goes on with the stream of one that ends. */
  resumesStreams: boolean;
  readonly #affinity: Affinity;
  readonly #queue: RequestQueue;
  readonly #instances = new Map<string, Instance>();
  /** Those who wait for an instance that has not failed them. */
  readonly #onAdded = new Set<() => void>();

  constructor(model: string, options: RouterOptions = defaultRouterOptions) {
    this.model = model;
    this.#options = options;
    this.resumesStreams = options.resumesStreams ?? false;
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

  get waitsForInstance(): boolean {
    return this.#options.waitsForInstance;
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
    this.#queue.look();
    for (const told of [...this.#onAdded]) told();
  }

  /** An instance that has ended: it is forgotten, with its prefixes. */
  remove(endpointId: string): void {
    this.#instances.get(endpointId)?.onIdle?.();
    this.#instances.delete(endpointId);
    this.#affinity.remove(endpointId);
    if (this.#instances.size === 0 && !this.waitsForInstance) this.#queue.refuseAll(this.#noInstance());
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
   * Routes one request. `key` is whose share it counts against; `routing`: what is known of it, where it was routed before.
   * @throws PagodaError `overloaded`, `not_ready`; the reason of the signal once the client has left.
   */
  async route(
    asked: ForwardedRequest,
    key: string,
    signal: AbortSignal,
    routing: Routing = { prompt: routedPrompt(asked), attempts: new Attempts() },
  ): Promise<ForwardedAnswer> {
    const { clock, queueDeadlineMs } = this.#options;
    if (!this.resumesStreams || !mayBeResumed(asked.path, routing.prompt.wantsStream))
      return this.#answer(asked, key, signal, routing);
    let attempts = routing.attempts;
    return resumedAnswer(asked, {
      signal,
      clock,
      mostWaitMs: queueDeadlineMs,
      ask: (request) => {
        const again = { prompt: routing.prompt, attempts };
        attempts = new Attempts();
        return this.#answer(request, key, signal, again);
      },
      brokenStreamText: (cause) => brokenStreamText(asked.path, brokenStream(this.model, cause)),
    });
  }

  async #answer(
    asked: ForwardedRequest,
    key: string,
    signal: AbortSignal,
    routing: Routing,
  ): Promise<ForwardedAnswer> {
    const { attempts } = routing;
    const arrivedMs = this.#options.clock();
    for (;;) {
      const leftMs = arrivedMs + this.#options.queueDeadlineMs - this.#options.clock();
      const { sent, instance } = await this.#enter(routing, key, signal, leftMs);
      attempts.begin(instance);
      const failed = await this.#attempt(asked, { ...routing, instance, sent, key, signal });
      if ("status" in failed) return failed;
      await this.#untilAnother(attempts, signal, leftMs);
      if (this.#options.clock() - arrivedMs >= this.#options.queueDeadlineMs) throw failed.error;
    }
  }

  /** Waits for room and books the request where it is cheapest, in one step. */
  async #enter(
    { prompt, attempts }: Routing,
    key: string,
    signal: AbortSignal,
    deadlineMs: number,
  ): Promise<{ readonly sent: Sent; readonly instance: Instance }> {
    if (this.#instances.size === 0 && !this.waitsForInstance) throw this.#noInstance();
    // One that is tried again has paid already.
    const tokens = attempts.number > 0 ? 0 : promptTokens(prompt);
    const request = { key, priority: prompt.priority, tokens, deadlineMs, signal };
    try {
      return await this.#queue.enter(request, () => this.#send(prompt.chain, attempts.tried));
    } catch (thrown) {
      const isLate = thrown instanceof PagodaError && thrown.code === "overloaded";
      throw isLate && this.#instances.size === 0 ? this.#noInstance() : thrown;
    }
  }

  #noInstance(): PagodaError {
    return new PagodaError("not_ready", `No instance of ${this.model} is ready.`, {
      hint: "Try again in a few seconds.",
    });
  }

  /** Instances that may get a request now, those not tried yet first. Where all breakers are open, one is tried early. */
  #passable(tried: ReadonlySet<object>): string[] {
    const ready = [...this.#instances].filter(([, { isDraining }]) => !isDraining);
    const isAllOpen = ready.every(([, { breaker }]) => breaker.state === "open");
    const ids: string[] = [];
    let hasFresh = false;
    for (const [id, instance] of ready) {
      const { breaker, seats } = instance;
      const isFull = this.#affinity.load(id).numOpen >= seats + this.#options.lookahead;
      if (isFull || !(isAllOpen ? breaker.isPassableAlone : breaker.isPassable)) continue;
      ids.push(id);
      hasFresh ||= !tried.has(instance);
    }
    return hasFresh ? ids.filter((id) => !tried.has(this.#require(id))) : ids;
  }

  #send(chain: Int32Array, tried: ReadonlySet<object>): { readonly sent: Sent; readonly instance: Instance } {
    const ids = this.#passable(tried);
    invariant(ids.length > 0, () => "a request was let in and no instance has room");
    const sent = this.#affinity.send(chain, ids);
    const instance = this.#require(sent.endpointId);
    instance.breaker.begin();
    return { sent, instance };
  }

  #require(endpointId: string): Instance {
    const instance = this.#instances.get(endpointId);
    invariant(instance !== undefined, () => `no instance ${endpointId}`);
    return instance;
  }

  /** The answer, or why there is none; then another attempt may be made. */
  async #attempt(
    asked: ForwardedRequest,
    attempt: Attempt,
  ): Promise<ForwardedAnswer | { readonly error: unknown }> {
    const { instance, attempts, signal } = attempt;
    let answer: ForwardedAnswer;
    try {
      answer = await instance.endpoint.forward(asked, signal);
    } catch (error) {
      if (signal.aborted) {
        instance.breaker.undecided();
        this.#ended(attempt);
        throw signal.reason;
      }
      this.#failed(instance);
      this.#ended(attempt);
      if (hasReached(error)) attempts.reached();
      if (attempts.isSpent) throw error;
      return { error };
    }
    const isBusy = answer.headers["retry-after"] !== undefined || answer.status === 429;
    if (!retriableStatus.has(answer.status) || !this.#mayTryAgain(attempt, isBusy))
      return this.#passOn(attempt, asked, answer);
    if (isBusy) instance.breaker.undecided();
    else this.#failed(instance);
    await answer.body[Symbol.asyncIterator]().return?.();
    this.#ended(attempt);
    return { error: this.#noInstance() };
  }

  /** One that says it is busy is asked again only by its client, after the time that it states. */
  #mayTryAgain({ attempts }: Attempt, isBusy: boolean): boolean {
    attempts.reached();
    return !attempts.isSpent && (!isBusy || this.#hasUntried(attempts));
  }

  #hasUntried({ tried }: Attempts): boolean {
    return [...this.#instances.values()].some((other) => !other.isDraining && !tried.has(other));
  }

  /** Resolves at once where another instance is left; else when one comes, or after a pause, in which one that failed may be back. */
  async #untilAnother(attempts: Attempts, signal: AbortSignal, mostMs: number): Promise<void> {
    if (this.#hasUntried(attempts) || (this.#instances.size === 0 && !this.waitsForInstance)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.max(0, Math.min(attempts.nextPauseMs(), mostMs)));
    this.#onAdded.add(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
    this.#onAdded.delete(resolve);
    if (!this.#hasUntried(attempts)) attempts.tried.clear();
  }

  /** Requests wait while its breaker is open, so somebody has to look when it lets one through. */
  #failed({ breaker }: Instance): void {
    breaker.failed();
    for (const ms of breaker.opensInMs) setTimeout(() => this.#queue.look(), ms).unref();
  }

  #passOn(attempt: Attempt, { path, headers }: ForwardedRequest, answer: ForwardedAnswer): ForwardedAnswer {
    const { instance, sent, attempts } = attempt;
    const isResumed = isMarked(answer) && headers[callerHeaders.resume] !== undefined;
    if (answer.status >= 500 && answer.headers["retry-after"] === undefined) this.#failed(instance);
    else if (answer.status >= 400) instance.breaker.undecided();
    else instance.breaker.succeeded();
    this.#queue.look();
    const body = watchedAnswer(answer.body, {
      isStreamed: isStreamed(answer),
      mostSilenceMs: this.#options.mostSilenceMs,
      onFirstByte: sent.firstByte,
      onEnd: (numPieces, tail) => this.#answered(attempt, numPieces, tail),
      brokenStreamText: isResumed
        ? null
        : (cause) => brokenStreamText(path, brokenStream(sent.endpointId, cause)),
    });
    return {
      status: answer.status,
      headers: {
        ...answer.headers,
        "x-pagoda-instance": sent.endpointId,
        "x-pagoda-route-reason": `${sent.reason}; match=${sent.matchedTokens}; attempts=${attempts.number}`,
      },
      body,
    };
  }

  /** Charges what the request has really cost, instead of the estimate by which it was let in. */
  #answered(attempt: Attempt, numPieces: number, tail: readonly Uint8Array[]): void {
    const { key, prompt, sent } = attempt;
    const known = { promptTokens: promptTokens(prompt), matchedTokens: sent.matchedTokens, numPieces };
    this.#queue.settle(key, answerTokens(tail, known) - known.promptTokens);
    this.#ended(attempt);
  }

  #ended({ instance, sent }: Attempt): void {
    sent.end();
    if (this.numOpen(sent.endpointId) === 0) instance.onIdle?.();
    this.#queue.wake();
  }
}

const promptTokens = ({ chain }: RoutedPrompt): number => (chain.length + 1) * tokensPerPiece;
