/** @module One request of a generation endpoint, from parsed body to response, without any HTTP. */
import type { PagodaError } from "../core/errors.ts";
import type { GenerationEvent, GenerationRequest, GenerationService } from "../core/generation.ts";

/** The text and bytes of single tokens, for log-probabilities and echo. */
export type TokenText = Pick<GenerationService, "tokenPiece" | "detokenize">;

/** What became known of a prompt when it had been computed. */
export type PromptEvent = Extract<GenerationEvent, { type: "prompt" }>;

/** Builds the JSON body of an answer that is not streamed. */
export interface BodyBuilder {
  /** Events of one prompt come in order; prompts may interleave. */
  push(promptIndex: number, event: GenerationEvent): void;
  /** The JSON text, piece by piece; call once every prompt has ended. */
  pieces(): Iterable<string>;
}

/** What a streamed answer consists of: server-sent events, or JSON objects on a line each. */
export type StreamFormat = "events" | "lines";

/** Turns events into text of the answer's stream format, ready for the socket. */
export interface ChunkBuilder {
  /** The chunks of one event; "" where the client need not be told. */
  push(promptIndex: number, event: GenerationEvent): string;
  /** What follows the last event: usage, if asked for, and the mark of the end. */
  end(): string;
  /** In place of `end()`: the error that ended an answer whose status line has gone out. */
  fail(error: PagodaError): string;
}

export interface GenerationExchange {
  /** One per prompt; a completion request may have several. */
  readonly requests: readonly GenerationRequest[];
  readonly streams: boolean;
  readonly streamFormat: StreamFormat;
  /** Unknown to this endpoint: ignored, and logged. */
  readonly unknownFields: readonly string[];
  newBody(tokens: TokenText): BodyBuilder;
  newChunks(tokens: TokenText): ChunkBuilder;
}

/** Identity of one answer. */
export interface AnswerIdentity {
  /** Begins with the kind of answer: `chatcmpl-…`, `cmpl-…`, `msg_…`. */
  readonly answerId: string;
  readonly createdUnixSeconds: number;
  /** The first name of the served model. */
  readonly modelName: string;
  readonly fingerprint: string;
}
