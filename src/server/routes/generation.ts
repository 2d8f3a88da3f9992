/** @module POST /v1/chat/completions and /v1/completions: one exchange from body to answer, streamed or whole. */
import { randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { parseChatRequest } from "../../api/chat/chat-completions.ts";
import { parseCompletionRequest } from "../../api/completions/completions.ts";
import { toPagodaError } from "../../api/error.ts";
import type { AnswerIdentity, GenerationExchange } from "../../api/exchange.ts";
import { errorEvent } from "../../api/stream-text.ts";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent, GenerationService, ServedModel } from "../../core/generation.ts";
import { EventStream } from "../answers/event-stream.ts";
import { jsonBody } from "../answers/json-body.ts";
import type { LogprobBudget } from "../answers/logprob-budget.ts";
import { numLogprobEntries } from "../answers/logprob-entries.ts";
import { type BodyRouterParts, bodyRouter, type Routed } from "../models/body-router.ts";
import type { UnknownFieldLog } from "../requests/unknown-field-log.ts";

export interface GenerationRouteParts extends BodyRouterParts {
  readonly unknownFields: UnknownFieldLog;
  readonly logprobBudget: LogprobBudget;
}

type Parse = (body: unknown, model: ServedModel, identity: AnswerIdentity) => GenerationExchange;

export function addGenerationRoutes(app: FastifyInstance, parts: GenerationRouteParts): void {
  const route = bodyRouter(parts);
  app.post("/v1/chat/completions", route(answerer(parts, "chatcmpl", parseChatRequest)));
  app.post("/v1/completions", route(answerer(parts, "cmpl", parseCompletionRequest)));
}

function answerer(parts: GenerationRouteParts, idPrefix: string, parse: Parse) {
  return async (request: FastifyRequest, reply: FastifyReply, routed: Routed): Promise<unknown> => {
    const { service } = routed;
    const exchange = parse(request.body, service.model, identityOf(routed, idPrefix));
    // Taken apart: not to be kept beside its parts for as long as the answer takes.
    request.body = null;
    parts.unknownFields.note(request.routeOptions.url ?? "", exchange.unknownFields);
    const signal = parts.running.begin(reply.raw);
    const numEntries = await numLogprobEntries(exchange, service, signal);
    reply.raw.once("close", await parts.logprobBudget.reserve(numEntries, signal));
    if (!exchange.streams) {
      const pieces = await answerWhole(exchange, service, signal);
      return reply.type("application/json; charset=utf-8").send(jsonBody(pieces));
    }
    const stream = new EventStream(reply.raw, request.id);
    const fault = await answerStreamed(exchange, service, signal, stream);
    if (fault === null) return hijacked(reply);
    if (!stream.hasStarted) throw fault;
    // A client that has left is not an error.
    if (!reply.raw.destroyed) request.log.error({ err: fault }, "a stream ended with an error");
    stream.end(errorEvent(toPagodaError(fault)));
    return hijacked(reply);
  };
}

function identityOf({ entry }: Routed, idPrefix: string): AnswerIdentity {
  return {
    answerId: `${idPrefix}-${randomUUID().replaceAll("-", "")}`,
    createdUnixSeconds: Math.floor(Date.now() / 1000),
    modelName: entry.name,
    fingerprint: entry.listing.fingerprint,
  };
}

/** The response was written on the raw socket: fastify must not send another. */
function hijacked(reply: FastifyReply): FastifyReply {
  return reply.hijack();
}

async function answerWhole(
  exchange: GenerationExchange,
  service: GenerationService,
  signal: AbortSignal,
): Promise<Iterable<string>> {
  const builder = exchange.newBody(service);
  await runAll(exchange, service, signal, (promptIndex, event) => {
    builder.push(promptIndex, event);
    return null;
  });
  return builder.pieces();
}

/** Returns what went wrong, or null when the stream is complete. */
async function answerStreamed(
  exchange: GenerationExchange,
  service: GenerationService,
  signal: AbortSignal,
  stream: EventStream,
): Promise<unknown> {
  const builder = exchange.newChunks(service);
  try {
    await runAll(exchange, service, signal, (promptIndex, event) =>
      stream.write(builder.push(promptIndex, event)),
    );
    stream.end(builder.end());
    return null;
  } catch (thrown) {
    return thrown;
  }
}

type Consume = (promptIndex: number, event: GenerationEvent) => Promise<void> | null;

/** Runs every prompt of the exchange at once; the first failure aborts the others, and nothing is consumed after it. */
async function runAll(
  exchange: GenerationExchange,
  service: GenerationService,
  signal: AbortSignal,
  consume: Consume,
): Promise<void> {
  const [only] = exchange.requests;
  if (exchange.requests.length === 1 && only !== undefined) {
    await runOne(service.generate(only, signal), 0, consume);
  } else {
    const failed = new AbortController();
    const anySignal = AbortSignal.any([signal, failed.signal]);
    const runs = exchange.requests.map((request, i) =>
      runOne(service.generate(request, anySignal), i, consume, failed.signal).catch((thrown: unknown) => {
        failed.abort();
        throw thrown;
      }),
    );
    await Promise.all(runs);
  }
  if (signal.aborted)
    throw new PagodaError("not_ready", "The request was ended before its answer was complete.", {
      hint: "Send it again.",
    });
}

async function runOne(
  events: AsyncIterable<GenerationEvent>,
  promptIndex: number,
  consume: Consume,
  otherFailed?: AbortSignal,
): Promise<void> {
  for await (const event of events) {
    // Those that were on their way.
    if (otherFailed?.aborted) return;
    const ready = consume(promptIndex, event);
    if (ready !== null) await ready;
  }
}
