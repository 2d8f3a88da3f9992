/** @module A line in the log for every request for text that ended, however it ended. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { toPagodaError } from "../../api/error.ts";
import type { GenerationEvent } from "../../core/generation.ts";

/** nginx's status of a request whose client left before there was an answer. */
const clientLeft = 499;

/** Counts an answer's tokens as its events pass, and logs it once, when its connection is done with it. */
export class AnswerLog {
  readonly #request: FastifyRequest;
  readonly #model: string;
  readonly #startMs = performance.now();
  #numPromptTokens = 0;
  #numCachedTokens = 0;
  #numOutputTokens = 0;
  #firstTokenMs: number | null = null;
  #lastTokenMs: number | null = null;
  #errorCode: string | null = null;
  #errorParam: string | null = null;

  constructor(request: FastifyRequest, reply: FastifyReply, model: string) {
    this.#request = request;
    this.#model = model;
    reply.raw.once("close", () => {
      const { headersSent, statusCode, writableFinished } = reply.raw;
      this.#write(headersSent ? statusCode : clientLeft, writableFinished);
    });
  }

  note(event: GenerationEvent): void {
    if (event.type === "prompt") {
      this.#numPromptTokens += event.promptTokenIds.length;
      this.#numCachedTokens += event.numCachedTokens;
    } else if (event.type === "delta") {
      this.#numOutputTokens += event.tokenIds.length;
      this.#lastTokenMs = performance.now();
      this.#firstTokenMs ??= this.#lastTokenMs;
    }
  }

  /** The error that ended the answer early. */
  noteError(thrown: unknown): void {
    const { code, param } = toPagodaError(thrown);
    this.#errorCode = code;
    this.#errorParam = param ?? null;
  }

  #write(status: number, isComplete: boolean): void {
    const route = this.#request.routeOptions.url ?? "";
    const fields = {
      route,
      status,
      model: this.#model,
      promptTokens: this.#numPromptTokens,
      cachedTokens: this.#numCachedTokens,
      outputTokens: this.#numOutputTokens,
      timeToFirstTokenMs: this.#firstTokenMs === null ? null : rounded(this.#firstTokenMs - this.#startMs),
      tokensPerSecond: this.#tokensPerSecond(),
      durationMs: rounded(performance.now() - this.#startMs),
      error: this.#errorCode,
      errorParam: this.#errorParam,
      clientLeft: !isComplete,
    };
    this.#request.log.info(fields, sentence(fields));
  }

  /** Speed of the output after its first token; null where there are fewer than two tokens. */
  #tokensPerSecond(): number | null {
    if (this.#firstTokenMs === null || this.#lastTokenMs === null) return null;
    const seconds = (this.#lastTokenMs - this.#firstTokenMs) / 1000;
    return seconds > 0 ? rounded((this.#numOutputTokens - 1) / seconds) : null;
  }
}

interface AnswerFields {
  readonly route: string;
  readonly status: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly timeToFirstTokenMs: number | null;
  readonly tokensPerSecond: number | null;
  readonly error: string | null;
  readonly errorParam: string | null;
  readonly clientLeft: boolean;
}

function sentence(fields: AnswerFields): string {
  const parts: string[] = [];
  if (fields.promptTokens > 0)
    parts.push(
      `${counted(fields.promptTokens, "prompt token")} (${fields.cachedTokens} cached)`,
      counted(fields.outputTokens, "output token"),
    );
  if (fields.timeToFirstTokenMs !== null) parts.push(`the first after ${fields.timeToFirstTokenMs} ms`);
  if (fields.tokensPerSecond !== null) parts.push(`${fields.tokensPerSecond} tokens/s`);
  if (fields.clientLeft) parts.push("the client left");
  else if (fields.error !== null)
    parts.push(fields.errorParam === null ? fields.error : `${fields.error} (${fields.errorParam})`);
  return `${fields.route} ${fields.status}: ${parts.join(", ")}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
