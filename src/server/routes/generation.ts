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
import { AnswerLog } from "../answers/answer-log.ts";
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

/** One request for text on its way through an engine. */
interface Run {
  readonly exchange: GenerationExchange;
  readonly service: GenerationService;
  readonly signal: AbortSignal;
  readonly log: AnswerLog;
}

function answerer(parts: GenerationRouteParts, idPrefix: string, parse: Parse) {
  return async (request: FastifyRequest, reply: FastifyReply, routed: Routed): Promise<unknown> => {
    const { service } = routed;
    const log = new AnswerLog(request, reply, routed.entry.name);
    try {
      const exchange = parse(request.body, service.model, identityOf(routed, idPrefix));
      // The body is not needed any more: free it, since the answer may take long.
      request.body = null;
      parts.unknownFields.note(request.routeOptions.url ?? "", exchange.unknownFields);
      const signal = parts.running.begin(reply.raw);
      const numEntries = await numLogprobEntries(exchange, service, signal);
      reply.raw.once("close", await parts.logprobBudget.reserve(numEntries, signal));
      const run = { exchange, service, signal, log };
      return await (exchange.streams ? answerStreamed(request, reply, run) : answerWhole(reply, run));
    } catch (thrown) {
      log.noteError(thrown);
      throw thrown;
    }
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

async function answerWhole(reply: FastifyReply, run: Run): Promise<FastifyReply> {
  const builder = run.exchange.newBody(run.service);
  await runAll(run, (promptIndex, event) => {
    builder.push(promptIndex, event);
    return null;
  });
  return reply.type("application/json; charset=utf-8").send(jsonBody(builder.pieces()));
}

/** Throws an error that comes before the status line; a later one becomes the last event of the stream. */
async function answerStreamed(request: FastifyRequest, reply: FastifyReply, run: Run): Promise<FastifyReply> {
  const stream = new EventStream(reply.raw, request.id);
  const builder = run.exchange.newChunks(run.service);
  try {
    await runAll(run, (promptIndex, event) => stream.write(builder.push(promptIndex, event)));
    stream.end(builder.end());
  } catch (thrown) {
    if (!stream.hasStarted) throw thrown;
    run.log.noteError(thrown);
    // A client that has left is not an error.
    if (!reply.raw.destroyed) request.log.error({ err: thrown }, "a stream ended with an error");
    stream.end(errorEvent(toPagodaError(thrown)));
  }
  return hijacked(reply);
}

type Consume = (promptIndex: number, event: GenerationEvent) => Promise<void> | null;

/** Runs every prompt of the exchange at once; the first failure aborts the others, and nothing is consumed after it. */
async function runAll({ exchange, service, signal, log }: Run, consumeEvent: Consume): Promise<void> {
  const consume: Consume = (promptIndex, event) => {
    log.note(event);
    return consumeEvent(promptIndex, event);
  };
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
    // Events that were on their way when another prompt failed.
    if (otherFailed?.aborted) return;
    const ready = consume(promptIndex, event);
    if (ready !== null) await ready;
  }
}
