/** @module The streamed answer of a chat completion: JSON is joined from prepared pieces, one string a token. */
import type { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import { type AnswerReader, newAnswerReaders } from "../answer/answer-reader.ts";
import type { AnswerPiece } from "../answer/pieces/answer-piece.ts";
import type { ChunkBuilder, PromptEvent, TokenText } from "../exchange.ts";
import { chatLogprobsPieces, joined, promptLogprobsPieces } from "../logprobs.ts";
import { endOfStream, errorEvent, eventOpening } from "../stream-text.ts";
import { chunkClosing, UsageCounter } from "../usage.ts";
import type { ChatAnswer } from "./chat-answer.ts";

type DeltaEvent = Extract<GenerationEvent, { type: "delta" }>;
type FinishedEvent = Extract<GenerationEvent, { type: "finished" }>;

export class ChatChunkBuilder implements ChunkBuilder {
  readonly #answer: ChatAnswer;
  readonly #tokens: TokenText;
  readonly #usage = new UsageCounter();
  /** `data: {"id":…,"model":…,"choices":[` */
  readonly #opening: string;
  /** Empty where the answer is all text. */
  #readers: readonly AnswerReader[] = [];

  constructor(answer: ChatAnswer, tokens: TokenText) {
    this.#answer = answer;
    this.#tokens = tokens;
    this.#opening = eventOpening(answer, "chat.completion.chunk");
  }

  push(_promptIndex: number, event: GenerationEvent): string {
    this.#usage.push(event);
    switch (event.type) {
      case "prompt":
        this.#readers = newAnswerReaders(this.#answer.syntax, this.#answer.numChoices, event, this.#tokens);
        return this.#roleChunks(event);
      case "delta":
        return this.#deltaChunk(event);
      case "finished":
        return this.#lastChunks(event);
    }
  }

  /** `]` and the usage so far, or null, where the client asked for usage. */
  get #closing(): string {
    return chunkClosing(this.#answer, this.#usage);
  }

  end(): string {
    if (!this.#answer.includesUsage) return endOfStream;
    return `${this.#opening}],"usage":${JSON.stringify(this.#usage.usage())}}\n\n${endOfStream}`;
  }

  fail(error: PagodaError): string {
    return errorEvent(error);
  }

  #roleChunks(event: PromptEvent): string {
    const closing = this.#promptFields(event);
    let chunks = "";
    for (let index = 0; index < this.#answer.numChoices; index++)
      chunks +=
        `${this.#opening}{"index":${index},"delta":{"role":"assistant","content":""},"logprobs":null,` +
        `"finish_reason":null}${index === 0 ? closing : this.#closing}`;
    return chunks;
  }

  /** The first chunk's closing, with what was asked about the prompt. */
  #promptFields(event: PromptEvent): string {
    let fields = "";
    if (this.#answer.showsTokenIds) fields += `,"prompt_token_ids":${JSON.stringify(event.promptTokenIds)}`;
    if (this.#answer.showsPromptLogprobs && event.promptLogprobs !== null)
      fields += `,"prompt_logprobs":${joined(promptLogprobsPieces(this.#tokens, event.promptLogprobs))}`;
    return `]${fields}${this.#closing.slice(1)}`;
  }

  #lastChunks(event: FinishedEvent): string {
    const reader = this.#readers[event.index];
    let chunks = "";
    for (const piece of reader?.finish() ?? [])
      chunks += this.#chunk(event.index, this.#deltaOf(piece), "null", "");
    const reason = event.reason === "stop" && reader?.endsInCalls === true ? "tool_calls" : event.reason;
    return (
      `${chunks}${this.#opening}{"index":${event.index},"delta":{},"logprobs":null,"finish_reason":"${reason}",` +
      `"stop_reason":${JSON.stringify(event.stopReason)}}${this.#closing}`
    );
  }

  /** What belongs to the tokens goes with the first piece; tokens that show nothing get a chunk only where it is wanted. */
  #deltaChunk(event: DeltaEvent): string {
    const logprobs =
      this.#answer.showsLogprobs && event.logprobs !== null
        ? joined(
            chatLogprobsPieces(
              { tokens: this.#tokens, asTokenIds: this.#answer.tokensAsIds },
              event.logprobs,
            ),
          )
        : "null";
    const ids = this.#answer.showsTokenIds ? `,"token_ids":${JSON.stringify(event.tokenIds)}` : "";
    const reader = this.#readers[event.index];
    if (reader === undefined)
      return this.#chunk(event.index, `"content":${JSON.stringify(event.text)}`, logprobs, ids);
    const deltas = reader
      .push(event.text)
      .map((piece) => this.#deltaOf(piece))
      .filter((delta) => delta !== "");
    if (deltas.length === 0 && (logprobs !== "null" || ids !== "")) deltas.push("");
    return deltas
      .map((delta, i) => this.#chunk(event.index, delta, i === 0 ? logprobs : "null", i === 0 ? ids : ""))
      .join("");
  }

  #chunk(index: number, delta: string, logprobs: string, ids: string): string {
    return (
      `${this.#opening}{"index":${index},"delta":{${delta}},` +
      `"logprobs":${logprobs},"finish_reason":null${ids}}${this.#closing}`
    );
  }

  /** The fields of a delta, in OpenAI's shape; "" for what the client does not want to see. */
  #deltaOf(piece: AnswerPiece): string {
    switch (piece.kind) {
      case "text":
        return `"content":${JSON.stringify(piece.text)}`;
      case "reasoning":
        return this.#answer.showsReasoning ? `"reasoning_content":${JSON.stringify(piece.text)}` : "";
      case "call": {
        const { index, callId, name } = piece;
        const call = { index, id: callId, type: "function", function: { name, arguments: "" } };
        return `"tool_calls":[${JSON.stringify(call)}]`;
      }
      case "arguments": {
        const call = { index: piece.index, function: { arguments: piece.json } };
        return `"tool_calls":[${JSON.stringify(call)}]`;
      }
    }
  }
}
