/** @module Endpoints in simulated time: seats, prompts computed one after another, a prefix cache of limited size. */
import { pieceBytes, pieceChain, tokensPerPiece } from "../router/choice/prefixes/prompt-pieces.ts";

export interface SimulatedRequest {
  readonly atMs: number;
  readonly chain: Int32Array;
  readonly outputMs: number;
}

export interface Ending {
  readonly endpoint: number;
  readonly ttftMs: number;
  readonly hitShare: number;
  readonly endedMs: number;
}

/** What a router does with a request: picks an endpoint and is told of its first byte and its end. */
export interface Policy {
  send(chain: Int32Array): { readonly endpoint: number; firstByte(): void; end(): void };
}

/** A prompt of whole pieces: numbers that stand for text; equal numbers, equal text. */
export function promptOf(pieces: readonly number[]): Int32Array {
  return pieceChain([pieces.map((piece) => String(piece).padEnd(pieceBytes, ".")).join("")]);
}

class Clock {
  nowMs = 0;
  #events: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;

  at(atMs: number, run: () => void): void {
    this.#events.push({ atMs, order: this.#order++, run });
  }

  runAll(): void {
    while (this.#events.length > 0) {
      this.#events.sort((a, b) => b.atMs - a.atMs || b.order - a.order);
      const event = this.#events.pop();
      if (event === undefined) return;
      this.nowMs = event.atMs;
      event.run();
    }
  }
}

export interface EndpointShape {
  readonly seats: number;
  readonly poolPieces: number;
  readonly prefillTokensPerMs: number;
}

class SimulatedEndpoint {
  readonly #shape: EndpointShape;
  readonly #clock: Clock;
  readonly #cached = new Map<number, true>();
  readonly #waiting: (() => void)[] = [];
  #numRunning = 0;
  #computesUntilMs = 0;

  constructor(shape: EndpointShape, clock: Clock) {
    this.#shape = shape;
    this.#clock = clock;
  }

  run(request: SimulatedRequest, onFirstByte: (hitShare: number) => void, onEnd: () => void): void {
    const start = (): void => {
      this.#numRunning += 1;
      const numHits = this.#hits(request.chain);
      const tokens = (request.chain.length + 1 - numHits) * tokensPerPiece;
      this.#computesUntilMs =
        Math.max(this.#computesUntilMs, this.#clock.nowMs) + tokens / this.#shape.prefillTokensPerMs;
      this.#remember(request.chain);
      this.#clock.at(this.#computesUntilMs, () => {
        onFirstByte(numHits / Math.max(1, request.chain.length));
        this.#clock.at(this.#clock.nowMs + request.outputMs, () => {
          this.#numRunning -= 1;
          onEnd();
          this.#waiting.shift()?.();
        });
      });
    };
    if (this.#numRunning < this.#shape.seats) start();
    else this.#waiting.push(start);
  }

  #hits(chain: Int32Array): number {
    const missing = chain.findIndex((piece) => !this.#cached.has(piece));
    return missing === -1 ? chain.length : missing;
  }

  #remember(chain: Int32Array): void {
    for (const piece of [...chain].reverse()) {
      this.#cached.delete(piece);
      this.#cached.set(piece, true);
    }
    for (const piece of this.#cached.keys()) {
      if (this.#cached.size <= this.#shape.poolPieces) break;
      this.#cached.delete(piece);
    }
  }
}

/** Runs the requests through a policy over endpoints of these shapes; one ending per request, in order of arrival. */
export function simulate(
  shapes: readonly EndpointShape[],
  requests: readonly SimulatedRequest[],
  policyWith: (clock: () => number) => Policy,
): Ending[] {
  const clock = new Clock();
  const endpoints = shapes.map((shape) => new SimulatedEndpoint(shape, clock));
  const policy = policyWith(() => clock.nowMs);
  const endings: Ending[] = [];
  for (const [index, request] of requests.entries())
    clock.at(request.atMs, () => {
      const sent = policy.send(request.chain);
      let ttftMs = 0;
      let hitShare = 0;
      endpoints[sent.endpoint]?.run(
        request,
        (share) => {
          ttftMs = clock.nowMs - request.atMs;
          hitShare = share;
          sent.firstByte();
        },
        () => {
          sent.end();
          endings[index] = { endpoint: sent.endpoint, ttftMs, hitShare, endedMs: clock.nowMs };
        },
      );
    });
  clock.runAll();
  return endings;
}
