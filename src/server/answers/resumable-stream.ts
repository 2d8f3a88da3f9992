/**
 * @module Streams that another instance can go on with (decision 147). After the text of each event comes a comment that says
 * what it stood for; the router reads and removes it. An instance that goes on computes the same events again for its own
 * state, and sends those that follow.
 */
import { z } from "zod";
import type { AnswerIdentity, GenerationExchange } from "../../api/exchange.ts";
import { resumeField, type StreamPosition, streamMark } from "../../core/endpoint.ts";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent, GenerationRequest } from "../../core/generation.ts";

const positionSchema = z.strictObject({
  seed: z.int().min(0),
  answerId: z.string().max(256),
  createdUnixSeconds: z.int().min(0),
  tokenIds: z.array(z.int()),
  hasFinished: z.boolean(),
});

/** What a router asks of one stream. */
export interface Resumption {
  readonly seed: number;
  /** null: it begins. */
  readonly position: StreamPosition | null;
}

/**
 * `asked`: the router's header; undefined: nobody asks. Takes the position out of `body`.
 * @throws PagodaError `invalid_request` where the position is none.
 */
export function resumptionOf(asked: string | undefined, body: unknown): Resumption | null {
  if (asked === undefined) return null;
  const [, seed] = /^start (\d{1,15})$/.exec(asked) ?? [];
  if (seed !== undefined) return { seed: Number(seed), position: null };
  if (typeof body !== "object" || body === null) return null;
  const fields = body as Record<string, unknown>;
  const read = positionSchema.safeParse(fields[resumeField]);
  delete fields[resumeField];
  if (!read.success)
    throw new PagodaError(
      "invalid_request",
      `The field ${resumeField} does not say where a stream goes on.`,
      {
        hint: "Leave it out: only a router of this instance sends it.",
        param: resumeField,
      },
    );
  return { seed: read.data.seed, position: read.data };
}

/** The identity that the answer has had from its beginning. */
export function resumedIdentity(identity: AnswerIdentity, resumption: Resumption | null): AnswerIdentity {
  const position = resumption?.position ?? null;
  if (position === null) return identity;
  const { answerId, createdUnixSeconds } = position;
  return { ...identity, answerId, createdUnixSeconds };
}

/** One stream of one sequence, without log-probabilities: those of what was sent are gone with their instance. */
export function isResumable({ requests, streams, streamFormat }: GenerationExchange): boolean {
  const [only] = requests;
  if (!streams || streamFormat !== "events" || requests.length !== 1 || only === undefined) return false;
  const { n, logprobs, promptLogprobs } = only.sampling;
  return n === 1 && logprobs === null && promptLogprobs === null;
}

export function continued(request: GenerationRequest, { seed, position }: Resumption): GenerationRequest {
  return { ...request, continuation: { seed, tokenIds: position?.tokenIds ?? [] } };
}

/** The text of an event with its mark; "" where the client has it already. */
export function marked(
  event: GenerationEvent,
  text: string,
  { answerId, createdUnixSeconds }: AnswerIdentity,
  position: StreamPosition | null,
): string {
  switch (event.type) {
    case "prompt":
      if (position !== null) return "";
      return `${text}${streamMark}${JSON.stringify({ answerId, createdUnixSeconds })}\n\n`;
    case "delta":
      return event.isReplayed ? "" : `${text}${streamMark}${event.tokenIds.join(" ")}\n\n`;
    case "finished":
      return position?.hasFinished === true ? "" : `${text}${streamMark}end\n\n`;
  }
}
