/** @module Answers of /api/chat and /api/generate: one JSON object, or one for each piece of text, a line each. */
import { invariant, type PagodaError } from "../../core/errors.ts";
import type { GenerationEvent, PositionLogprobs } from "../../core/generation.ts";
import { type AnswerReader, type AnswerSyntax, newAnswerReaders } from "../answer/answer-reader.ts";
import type { AnswerPiece } from "../answer/pieces/answer-piece.ts";
import type { BodyBuilder, ChunkBuilder, TokenText } from "../exchange.ts";
import { joined, logprobEntriesPieces } from "../logprobs.ts";
import { UsageCounter } from "../usage.ts";
import { errorLine } from "./ollama-error.ts";
import { durationOfMs } from "./ollama-options.ts";

export interface OllamaShown {
  /** As the client wrote it. */
  readonly modelName: string;
  /** Where the text is: `message.content` of a chat, or `response`. */
  readonly textField: "message" | "response";
  readonly showsLogprobs: boolean;
  /** null: the answer is all text. */
  readonly syntax: AnswerSyntax | null;
}

type Finished = Extract<GenerationEvent, { type: "finished" }>;

/** Token counts and durations, as the last object of an answer has them. */
class OllamaTimings {
  readonly #usage = new UsageCounter();
  readonly #startMs = performance.now();
  #promptMs: number | null = null;

  push(event: GenerationEvent): void {
    this.#usage.push(event);
    if (event.type === "prompt") this.#promptMs = performance.now() - this.#startMs;
  }

  /** Durations in nanoseconds; the model is always loaded. */
  figures(): Readonly<Record<string, number>> {
    const totalMs = performance.now() - this.#startMs;
    const promptMs = this.#promptMs ?? totalMs;
    const { prompt_tokens, completion_tokens } = this.#usage.usage();
    return {
      total_duration: durationOfMs(totalMs),
      load_duration: 0,
      prompt_eval_count: prompt_tokens,
      prompt_eval_duration: durationOfMs(promptMs),
      eval_count: completion_tokens,
      eval_duration: durationOfMs(totalMs - promptMs),
    };
  }
}

/** `"message":{…}`, or `"response":"…"` with the reasoning beside it. */
function textMember(
  { textField }: OllamaShown,
  text: string,
  thinking: string,
  calls: readonly object[] = [],
): string {
  const reasoning = thinking === "" ? "" : `,"thinking":${JSON.stringify(thinking)}`;
  if (textField === "response") return `"response":${JSON.stringify(text)}${reasoning}`;
  const toolCalls = calls.length === 0 ? "" : `,"tool_calls":${JSON.stringify(calls)}`;
  return `"message":{"role":"assistant","content":${JSON.stringify(text)}${reasoning}${toolCalls}}`;
}

/** Text, reasoning and calls of an answer, of which calls are known when they are complete. */
class OllamaContent {
  readonly #syntax: AnswerSyntax | null;
  readonly #tokens: TokenText;
  readonly #calls: { readonly name: string; json: string }[] = [];
  /** undefined where the answer is all text. */
  #reader: AnswerReader | undefined;

  constructor(syntax: AnswerSyntax | null, tokens: TokenText) {
    this.#syntax = syntax;
    this.#tokens = tokens;
  }

  /** The text and the reasoning that the event brought. */
  push(event: GenerationEvent): { readonly text: string; readonly thinking: string } {
    if (event.type === "prompt") {
      [this.#reader] = newAnswerReaders(this.#syntax, 1, event, this.#tokens);
      return { text: "", thinking: "" };
    }
    if (event.type === "finished") return this.#collect(this.#reader?.finish() ?? []);
    return this.#collect(this.#reader?.push(event.text) ?? [{ kind: "text", text: event.text }]);
  }

  get calls(): readonly object[] {
    return this.#calls.map(({ name, json }) => ({ function: { name, arguments: argumentsOf(json) } }));
  }

  #collect(pieces: readonly AnswerPiece[]): { readonly text: string; readonly thinking: string } {
    let text = "";
    let thinking = "";
    for (const piece of pieces) {
      if (piece.kind === "text") text += piece.text;
      else if (piece.kind === "reasoning") thinking += piece.text;
      else if (piece.kind === "call") this.#calls.push({ name: piece.name, json: "" });
      else this.#extendCall(piece.json);
    }
    return { text, thinking };
  }

  #extendCall(json: string): void {
    const last = this.#calls.at(-1);
    if (last !== undefined) last.json += json;
  }
}

/** An answer that reached its length may end inside the arguments. */
function argumentsOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}

function opening(shown: OllamaShown): string {
  const head = { model: shown.modelName, created_at: new Date().toISOString() };
  return `${JSON.stringify(head).slice(0, -1)},`;
}

function ending({ reason }: Finished, timings: OllamaTimings): string {
  return JSON.stringify({ done: true, done_reason: reason, ...timings.figures() }).slice(1);
}

function logprobsMember(tokens: TokenText, positions: readonly PositionLogprobs[]): string {
  return `,"logprobs":${joined(logprobEntriesPieces({ tokens, asTokenIds: false }, positions))}`;
}

export class OllamaBodyBuilder implements BodyBuilder {
  readonly #shown: OllamaShown;
  readonly #tokens: TokenText;
  readonly #timings = new OllamaTimings();
  readonly #positions: PositionLogprobs[] = [];
  readonly #content: OllamaContent;
  #text = "";
  #thinking = "";
  #finished: Finished | null = null;

  constructor(shown: OllamaShown, tokens: TokenText) {
    this.#shown = shown;
    this.#tokens = tokens;
    this.#content = new OllamaContent(shown.syntax, tokens);
  }

  push(_promptIndex: number, event: GenerationEvent): void {
    this.#timings.push(event);
    const { text, thinking } = this.#content.push(event);
    this.#text += text;
    this.#thinking += thinking;
    if (event.type === "finished") this.#finished = event;
    if (event.type === "delta" && event.logprobs !== null) this.#positions.push(...event.logprobs);
  }

  *pieces(): Generator<string> {
    const finished = this.#finished;
    invariant(finished !== null, () => "an answer has no ending");
    const shown = this.#shown;
    yield opening(shown) + textMember(shown, this.#text, this.#thinking, this.#content.calls);
    if (shown.showsLogprobs) yield logprobsMember(this.#tokens, this.#positions);
    yield `,${ending(finished, this.#timings)}`;
  }
}

export class OllamaLineBuilder implements ChunkBuilder {
  readonly #shown: OllamaShown;
  readonly #tokens: TokenText;
  readonly #timings = new OllamaTimings();
  readonly #content: OllamaContent;
  #finished: Finished | null = null;

  constructor(shown: OllamaShown, tokens: TokenText) {
    this.#shown = shown;
    this.#tokens = tokens;
    this.#content = new OllamaContent(shown.syntax, tokens);
  }

  push(_promptIndex: number, event: GenerationEvent): string {
    this.#timings.push(event);
    const { text, thinking } = this.#content.push(event);
    if (event.type === "finished") this.#finished = event;
    const positions = event.type === "delta" ? event.logprobs : null;
    if (text === "" && thinking === "" && positions === null) return "";
    return this.#line(textMember(this.#shown, text, thinking), positions);
  }

  end(): string {
    const finished = this.#finished;
    invariant(finished !== null, () => "an answer has no ending");
    const { calls } = this.#content;
    const withCalls = calls.length === 0 ? "" : this.#line(textMember(this.#shown, "", "", calls), null);
    const last = textMember(this.#shown, "", "");
    return `${withCalls}${opening(this.#shown)}${last},${ending(finished, this.#timings)}\n`;
  }

  fail(error: PagodaError): string {
    return errorLine(error);
  }

  #line(member: string, positions: readonly PositionLogprobs[] | null): string {
    const logprobs = positions === null ? "" : logprobsMember(this.#tokens, positions);
    return `${opening(this.#shown)}${member}${logprobs},"done":false}\n`;
  }
}

/** The answer of a request without a prompt, which asks to load the model: it is loaded. */
export function loadedAnswer(modelName: string, textField: OllamaShown["textField"]): string {
  const shown = { modelName, textField, showsLogprobs: false, syntax: null };
  return `${opening(shown)}${textMember(shown, "", "")},"done":true,"done_reason":"load"}`;
}
