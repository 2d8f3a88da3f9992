/** @module The place of the one generation service: empty while the model loads, closed while the server drains. */
import { PagodaError } from "../core/errors.ts";
import type { GenerationService } from "../core/generation.ts";

export class ServedModels {
  #service: GenerationService | null = null;
  #draining = false;

  /** Call when the service can answer: from then on `/health` says so. */
  attach(service: GenerationService): void {
    this.#service = service;
  }

  /** From now on new requests are refused. */
  drain(): void {
    this.#draining = true;
  }

  /** The service, or `not_ready` while loading or draining, or `engine_failed` when it can serve no more. */
  require(): GenerationService {
    if (this.#draining)
      throw new PagodaError("not_ready", "the server is shutting down", { hint: "Retry elsewhere." });
    if (this.#service === null)
      throw new PagodaError("not_ready", "the model is still loading", {
        hint: "Retry when /health answers 200.",
      });
    const failure = this.#service.failure();
    if (failure !== null)
      throw new PagodaError("engine_failed", `the engine has stopped: ${failure}`, {
        hint: "Restart the server.",
      });
    return this.#service;
  }

  /** The service if it was ever attached, in whatever state: for metrics. */
  peek(): GenerationService | null {
    return this.#service;
  }
}
