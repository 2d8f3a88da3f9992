/** @module An engine as one caller may use it: with the caller's salt, counted against its limits, and refused where too many wait. */
import { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent, GenerationRequest, GenerationService } from "../../core/generation.ts";
import type { Caller } from "./caller.ts";

/** The service itself where nothing is to be done for this caller. `mostWaiting`: sequences that may wait; null: any number. */
export function serviceFor(
  caller: Caller,
  service: GenerationService,
  mostWaiting: number | null,
): GenerationService {
  if (caller.cacheSalt === null && !caller.hasTokenLimit && mostWaiting === null) return service;
  const generate = (request: GenerationRequest, signal: AbortSignal): AsyncIterable<GenerationEvent> => {
    if (mostWaiting !== null) requireRoom(service, mostWaiting);
    const events = service.generate({ ...request, cacheSalt: saltOf(caller, request) }, signal);
    return caller.hasTokenLimit ? counted(events, caller) : events;
  };
  // Every other member is the engine's own; those that come later too.
  return new Proxy(service, {
    get: (target, name) => {
      if (name === "generate") return generate;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function saltOf({ cacheSalt }: Caller, request: GenerationRequest): string | null {
  const own = request.cacheSalt ?? null;
  return cacheSalt === null ? own : `${cacheSalt} ${own ?? ""}`;
}

async function* counted(
  events: AsyncIterable<GenerationEvent>,
  caller: Caller,
): AsyncGenerator<GenerationEvent> {
  for await (const event of events) {
    if (event.type === "prompt") caller.useTokens(event.promptTokenIds.length);
    else if (event.type === "delta") caller.useTokens(event.tokenIds.length);
    yield event;
  }
}

function requireRoom(service: GenerationService, mostWaiting: number): void {
  const { numWaiting } = service.stats();
  if (numWaiting < mostWaiting) return;
  throw new PagodaError(
    "queue_full",
    `${numWaiting} sequences wait for a seat, and this server lets ${mostWaiting} wait.`,
    { hint: "Retry when some have ended, or start the server with more --max-queue." },
  );
}
