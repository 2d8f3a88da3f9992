/** @module One exchange from body to answer, streamed or whole: what every route for text does. */
import { randomUUID } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { toPagodaError } from "../../api/error.ts";
import type { AnswerIdentity, GenerationExchange } from "../../api/exchange.ts";
import { callerHeaders } from "../../core/endpoint.ts";
import type { GenerationEvent, GenerationService, ServedModel } from "../../core/generation.ts";
import type { BodyRouterParts, Routed } from "../models/body-router.ts";
import { endedEarly } from "../requests/running-requests.ts";
import type { UnknownFieldLog } from "../requests/unknown-field-log.ts";
import type { TraceExporter } from "../traces/trace-exporter.ts";
import { AnswerLog } from "./answer-log.ts";
import { AnswerStream } from "./answer-stream.ts";
import { jsonBody } from "./json-body.ts";
import type { LogprobBudget } from "./logprob-budget.ts";
import { numLogprobEntries } from "./logprob-entries.ts";
import {
  continued,
  isResumable,
  marked,
  type Resumption,
  resumedIdentity,
  resumptionOf,
} from "./resumable-stream.ts";

export interface GenerationRouteParts extends BodyRouterParts {
  readonly unknownFields: UnknownFieldLog;
  readonly logprobBudget: LogprobBudget;
  /** Without it no request is traced. */
  readonly traces?: TraceExporter;
}

export type ParseExchange = (
  body: unknown,
  model: ServedModel,
  identity: AnswerIdentity,
) => GenerationExchange;

/** One request for text on its way through an engine. */
interface Run {
  readonly exchange: GenerationExchange;
  readonly service: GenerationService;
  readonly signal: AbortSignal;
  readonly log: AnswerLog;
  readonly identity: AnswerIdentity;
  /** null: the stream is not marked. */
  readonly resumption: Resumption | null;
}

/** The handler of a route that answers with text; answers have ids that begin with `idPrefix`. */
export function exchangeAnswerer(parts: GenerationRouteParts, idPrefix: string, parse: ParseExchange) {
  return async (request: FastifyRequest, reply: FastifyReply, routed: Routed): Promise<unknown> => {
    const { service } = routed;
    const log = new AnswerLog(request, reply, routed.entry.name);
    try {
      const asked = resumptionOf(request.caller.resume, request.body);
      const identity = resumedIdentity(identityOf(routed, idPrefix), asked);
      const exchange = parse(request.body, service.model, identity);
      const resumption = asked !== null && isResumable(exchange) ? asked : null;
      parts.traces?.note(request, exchange.requests);
      // The body is not needed any more: free it, since the answer may take long.
      request.body = null;
      parts.unknownFields.note(request.routeOptions.url ?? "", exchange.unknownFields);
      const signal = parts.running.begin(reply.raw);
      const numEntries = await numLogprobEntries(exchange, service, signal);
      reply.raw.once("close", await parts.logprobBudget.reserve(numEntries, signal));
      const run = { exchange, service, signal, log, identity, resumption };
      return await (exchange.streams ? answerStreamed(request, reply, run) : answerWhole(reply, run));
    } catch (thrown) {
      log.noteError(thrown);
      throw thrown;
    }
  };
}

function identityOf({ entry }: Routed, idPrefix: string): AnswerIdentity {
  return {
    answerId: `${idPrefix}${randomUUID().replaceAll("-", "")}`,
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
  const { resumption, identity } = run;
  const markHeader = resumption === null ? {} : { [callerHeaders.resume]: "yes" };
  const stream = new AnswerStream(reply.raw, request.id, run.exchange.streamFormat, markHeader);
  const builder = run.exchange.newChunks(run.service);
  try {
    await runAll(run, (promptIndex, event) => {
      const text = builder.push(promptIndex, event);
      return stream.write(resumption === null ? text : marked(event, text, identity, resumption.position));
    });
    stream.end(builder.end());
  } catch (thrown) {
    if (!stream.hasStarted) throw thrown;
    if (resumption !== null && isOfInstance(thrown)) {
      // The router hears of it as of any other end of an instance, and has another one go on.
      reply.raw.destroy();
      return hijacked(reply);
    }
    run.log.noteError(thrown);
    // A client that has left is not an error.
    if (!reply.raw.destroyed) request.log.error({ err: thrown }, "a stream ended with an error");
    stream.end(builder.fail(toPagodaError(thrown)));
  }
  return hijacked(reply);
}

/** Another instance may well answer. */
function isOfInstance(thrown: unknown): boolean {
  const { code } = toPagodaError(thrown);
  return code === "not_ready" || code === "engine_failed";
}

type Consume = (promptIndex: number, event: GenerationEvent) => Promise<void> | null;

/** Runs every prompt of the exchange at once; the first failure aborts the others, and nothing is consumed after it. */
async function runAll(
  { exchange, service, signal, log, resumption }: Run,
  consumeEvent: Consume,
): Promise<void> {
  const consume: Consume = (promptIndex, event) => {
    log.note(event);
    return consumeEvent(promptIndex, event);
  };
  const [only] = exchange.requests;
  if (exchange.requests.length === 1 && only !== undefined) {
    const request = resumption === null ? only : continued(only, resumption);
    await runOne(service.generate(request, signal), 0, consume);
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
  if (signal.aborted) throw endedEarly();
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
