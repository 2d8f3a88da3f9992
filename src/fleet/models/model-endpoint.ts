/**
 * @module A model of a fleet as the endpoint that routes pass requests on to. A request that comes while no instance is ready
 * waits for one; where none is on its way, it has one started.
 */
import type { Capabilities } from "../../core/capabilities.ts";
import type {
  Endpoint,
  EndpointHealth,
  EndpointModel,
  EndpointSnapshot,
  ForwardedAnswer,
  ForwardedRequest,
} from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";
import { Attempts } from "../router/attempts.ts";
import { routedPrompt } from "../router/choice/prefixes/routed-prompt.ts";
import { FleetEndpoint } from "../router/fleet-endpoint.ts";
import type { Routing } from "../router/router.ts";
import type { FleetModel } from "./fleet-model.ts";
import { waitingAnswer } from "./waiting-answer.ts";

export interface ModelEndpointParts {
  readonly model: FleetModel;
  readonly facts: EndpointModel;
  readonly capabilities: Capabilities;
  /** How long a request may wait for a start, ms. */
  readonly startMs: number;
  /** How long a request may wait for an instance that comes back, ms. */
  readonly waitMs: number;
  /** Starts an instance unless one is on its way. Rejects where none can start. */
  readonly wake: (signal: AbortSignal) => Promise<void>;
  readonly clock: () => number;
}

/** After so long a streaming client is told that its request waits. */
const quietMs = 3000;
const pingEveryMs = 10_000;
/** Changes wake those who wait; this is for what no change tells of. */
const lookEveryMs = 1000;

export class ModelEndpoint implements Endpoint {
  readonly model: EndpointModel;
  readonly capabilities: Capabilities;
  readonly holdsRequests = true;
  readonly #parts: ModelEndpointParts;
  readonly #routed: FleetEndpoint;

  constructor(parts: ModelEndpointParts) {
    this.#parts = parts;
    this.model = parts.facts;
    this.capabilities = parts.capabilities;
    this.#routed = new FleetEndpoint(parts.model.router, parts.facts, parts.capabilities);
  }

  async health(): Promise<EndpointHealth> {
    const { state, failure } = this.#parts.model;
    if (state === "starting") return { state: "loading", reason: "no instance is ready yet" };
    return { state, reason: failure };
  }

  snapshot(): Promise<EndpointSnapshot> {
    return this.#routed.snapshot();
  }

  async forward(asked: ForwardedRequest, signal: AbortSignal): Promise<ForwardedAnswer> {
    const { model } = this.#parts;
    const routing = { prompt: routedPrompt(asked), attempts: new Attempts() };
    // Its JSON would be kept in memory while it waits.
    const { json: _read, ...request } = asked;
    const answer = model.whilePending(() => this.#answer(request, routing, signal));
    if (model.router.numReady > 0 || !routing.prompt.wantsStream) return answer;
    // Nobody awaits it for a while, and it may fail meanwhile.
    answer.catch(() => undefined);
    const soon = await Promise.race([
      answer,
      new Promise<null>((wake) => setTimeout(() => wake(null), quietMs).unref()),
    ]);
    return (
      soon ?? waitingAnswer(answer, () => `waiting for ${model.name}, which is ${model.state}`, pingEveryMs)
    );
  }

  async #answer(request: ForwardedRequest, routing: Routing, signal: AbortSignal): Promise<ForwardedAnswer> {
    const arrivedMs = this.#parts.clock();
    for (;;) {
      await this.#untilReady(arrivedMs, signal);
      try {
        return this.#noted(await this.#routed.forward(request, signal, routing));
      } catch (thrown) {
        // The last instance has gone, before the request was sent or before it was answered.
        if (!(thrown instanceof PagodaError && thrown.code === "not_ready")) throw thrown;
      }
    }
  }

  async #untilReady(arrivedMs: number, signal: AbortSignal): Promise<void> {
    const { model, wake, clock, startMs, waitMs } = this.#parts;
    while (model.router.numReady === 0) {
      signal.throwIfAborted();
      const mostMs = model.state === "ready" ? waitMs : startMs;
      const leftMs = arrivedMs + mostMs - clock();
      if (leftMs <= 0) throw this.#late(mostMs);
      await Promise.race([wake(signal), model.readiness.change(leftMs, signal)]);
      await model.readiness.change(Math.min(leftMs, lookEveryMs), signal);
    }
  }

  #late(mostMs: number): PagodaError {
    const { model } = this.#parts;
    return new PagodaError(
      "not_ready",
      `No instance of ${model.name} was ready within ${Math.round(mostMs / 1000)} s.`,
      {
        hint:
          model.failure === null
            ? "Send the request again in a minute."
            : `The last one failed: ${model.failure.replace(/\.$/, "")}.`,
      },
    );
  }

  /** The model is in use until the answer has ended. */
  #noted(answer: ForwardedAnswer): ForwardedAnswer {
    const { model } = this.#parts;
    const pieces = answer.body[Symbol.asyncIterator]();
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      const result = await pieces.next();
      if (result.done === true) model.touch();
      return result;
    };
    const leave = async (): Promise<IteratorResult<Uint8Array>> => {
      model.touch();
      await pieces.return?.();
      return { done: true, value: undefined };
    };
    return { ...answer, body: { [Symbol.asyncIterator]: () => ({ next, return: leave }) } };
  }
}
