/** @module One request of a generation endpoint, from parsed body to response, without any HTTP. */
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

/** Turns events into server-sent events (`data: …\n\n`), ready for the socket. */
export interface ChunkBuilder {
  /** The chunks of one event; "" where the client need not be told. */
  push(promptIndex: number, event: GenerationEvent): string;
  /** What follows the last event: usage, if asked for, and `[DONE]`. */
  end(): string;
}

export interface GenerationExchange {
  /** One per prompt; a completion request may have several. */
  readonly requests: readonly GenerationRequest[];
  readonly streams: boolean;
  /** Unknown to this endpoint: ignored, and logged. */
  readonly unknownFields: readonly string[];
  newBody(tokens: TokenText): BodyBuilder;
  newChunks(tokens: TokenText): ChunkBuilder;
}

/** Identity of one answer. */
export interface AnswerIdentity {
  /** `chatcmpl-…` or `cmpl-…`. */
  readonly answerId: string;
  readonly createdUnixSeconds: number;
  /** The first name of the served model. */
  readonly modelName: string;
  readonly fingerprint: string;
}
