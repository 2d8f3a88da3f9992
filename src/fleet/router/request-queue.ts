/**
 * @module Requests that wait at the router while every instance of their model is full, so that a later choice is a better
 * one: strict between priorities, fair between keys within one.
 *
 * Fair: each key has a counter of the tokens it was served, and the key with the least goes next (virtual token counter,
 * Sheng et al., OSDI 2024). A key that comes back after a pause starts at the least of those that wait, so a pause saves
 * nothing up.
 */
import { PagodaError } from "../../core/errors.ts";

export interface WaitingRequest {
  /** Whose share it counts against: an API key, a user, an address. */
  readonly key: string;
  /** Lower goes first (vLLM's `priority`). */
  readonly priority: number;
  /** What serving it costs, in tokens. */
  readonly tokens: number;
  /** Milliseconds it may wait. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

interface Waiting extends WaitingRequest {
  readonly letIn: () => void;
  readonly refuse: (error: unknown) => void;
  readonly arrived: number;
}

export interface QueueLimits {
  readonly mostWaiting: number;
}

/** Counters kept at once; above it those of keys that do not wait are forgotten. */
const mostKeys = 10_000;

export class RequestQueue {
  limits: QueueLimits;
  readonly #hasRoom: () => boolean;
  readonly #waiting = new Set<Waiting>();
  readonly #servedTokens = new Map<string, number>();
  /** Endings seen lately, for an honest `Retry-After`. */
  readonly #drained: number[] = [];
  readonly #clock: () => number;
  #numArrived = 0;
  #waitedMs = 0;
  /** Since when somebody waits; null: nobody does. */
  #waitingSinceMs: number | null = null;

  /** `hasRoom`: whether some instance could take a request now. */
  constructor(limits: QueueLimits, hasRoom: () => boolean, clock: () => number) {
    this.limits = limits;
    this.#hasRoom = hasRoom;
    this.#clock = clock;
  }

  get numWaiting(): number {
    return this.#waiting.size;
  }

  /** Milliseconds during which at least one request waited. */
  get waitedMs(): number {
    const sinceMs = this.#waitingSinceMs;
    return this.#waitedMs + (sinceMs === null ? 0 : this.#clock() - sinceMs);
  }

  /**
   * Calls `take` once the request may be sent, and resolves with what it returns. `take` books the place before it
   * returns, so that the next look at the room sees it.
   * @throws PagodaError `overloaded` where the queue is full or the deadline passes; the reason of `signal` once aborted.
   */
  async enter<Taken>(request: WaitingRequest, take: () => Taken): Promise<Taken> {
    request.signal.throwIfAborted();
    if (this.#waiting.size === 0 && this.#hasRoom()) {
      this.#serve(request);
      return take();
    }
    if (this.#waiting.size >= this.limits.mostWaiting)
      return Promise.reject(
        new PagodaError(
          "overloaded",
          `All instances are busy and ${this.#waiting.size} requests wait already.`,
          {
            hint: `Try again in ${this.retryAfterSeconds()} seconds.`,
          },
        ),
      );
    return this.#wait(request, take);
  }

  /** A request has ended: lets in as many as there is room for. */
  wake(): void {
    this.#drained.push(this.#clock());
    if (this.#drained.length > 64) this.#drained.shift();
    this.look();
  }

  /** There may be room, though no request has ended: an instance has come, or may be tried again. */
  look(): void {
    while (this.#waiting.size > 0 && this.#hasRoom()) {
      const next = this.#next();
      if (next === null) return;
      this.#leave(next);
      this.#serve(next);
      next.letIn();
    }
  }

  /** Corrects what a key was charged when its request was let in, by tokens more or, negative, less. */
  settle(key: string, tokens: number): void {
    const served = this.#servedTokens.get(key);
    if (served !== undefined) this.#servedTokens.set(key, Math.max(0, served + tokens));
  }

  /** Nobody who waits will be let in. */
  refuseAll(error: PagodaError): void {
    for (const waiting of [...this.#waiting]) waiting.refuse(error);
  }

  /** Seconds until a request that comes now would be let in, by the rate of the last endings; 1 to 60. */
  retryAfterSeconds(): number {
    const first = this.#drained[0];
    if (first === undefined || this.#drained.length < 2) return 1;
    const perMs = (this.#drained.length - 1) / Math.max(1, this.#clock() - first);
    return Math.min(60, Math.max(1, Math.ceil((this.#waiting.size + 1) / perMs / 1000)));
  }

  #wait<Taken>(request: WaitingRequest, take: () => Taken): Promise<Taken> {
    return new Promise((resolve, reject) => {
      const leave = (reason: unknown): void => {
        clearTimeout(timer);
        request.signal.removeEventListener("abort", onAbort);
        if (this.#leave(waiting)) reject(reason);
      };
      const timer = setTimeout(() => leave(this.#late(request)), request.deadlineMs);
      const onAbort = (): void => leave(request.signal.reason);
      this.#numArrived += 1;
      const waiting: Waiting = {
        ...request,
        arrived: this.#numArrived,
        refuse: leave,
        letIn: () => {
          clearTimeout(timer);
          request.signal.removeEventListener("abort", onAbort);
          try {
            resolve(take());
          } catch (error) {
            reject(error);
          }
        },
      };
      request.signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiting);
      this.#waitingSinceMs ??= this.#clock();
      this.#lift(request.key);
      this.look();
    });
  }

  #leave(waiting: Waiting): boolean {
    const wasWaiting = this.#waiting.delete(waiting);
    if (this.#waiting.size === 0 && this.#waitingSinceMs !== null) {
      this.#waitedMs += this.#clock() - this.#waitingSinceMs;
      this.#waitingSinceMs = null;
    }
    return wasWaiting;
  }

  #late({ deadlineMs }: WaitingRequest): PagodaError {
    return new PagodaError(
      "overloaded",
      `The request waited ${Math.round(deadlineMs / 1000)} s, its limit, and every instance is still busy.`,
      { hint: `Try again in ${this.retryAfterSeconds()} seconds, or add an instance.` },
    );
  }

  #next(): Waiting | null {
    let best: Waiting | null = null;
    for (const waiting of this.#waiting) if (best === null || this.#isBefore(waiting, best)) best = waiting;
    return best;
  }

  #isBefore(a: Waiting, b: Waiting): boolean {
    if (a.priority !== b.priority) return a.priority < b.priority;
    const difference = (this.#servedTokens.get(a.key) ?? 0) - (this.#servedTokens.get(b.key) ?? 0);
    return difference === 0 ? a.arrived < b.arrived : difference < 0;
  }

  #serve({ key, tokens }: WaitingRequest): void {
    this.#servedTokens.set(key, (this.#servedTokens.get(key) ?? 0) + tokens);
    if (this.#servedTokens.size > mostKeys) this.#forgetKeys();
  }

  /** A key that has just come begins at the least of the others that wait. */
  #lift(key: string): void {
    const ofKey = [...this.#waiting].filter((waiting) => waiting.key === key);
    const others = [...this.#waiting].filter((waiting) => waiting.key !== key);
    if (ofKey.length > 1 || others.length === 0) return;
    const least = Math.min(...others.map((other) => this.#servedTokens.get(other.key) ?? 0));
    if ((this.#servedTokens.get(key) ?? 0) < least) this.#servedTokens.set(key, least);
  }

  /** Keys that wait keep their counters; the others would be lifted when they come back. */
  #forgetKeys(): void {
    const waiting = new Set([...this.#waiting].map(({ key }) => key));
    for (const key of this.#servedTokens.keys()) if (!waiting.has(key)) this.#servedTokens.delete(key);
  }
}
