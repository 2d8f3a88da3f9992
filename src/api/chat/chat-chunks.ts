/** @module The streamed answer of a chat completion: JSON is joined from prepared pieces, one string a token. */
import type { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import type { ChunkBuilder, PromptEvent, TokenText } from "../exchange.ts";
import { chatLogprobsPieces, joined, promptLogprobsPieces } from "../logprobs.ts";
import { endOfStream, errorEvent, eventOpening } from "../stream-text.ts";
import { chunkClosing, UsageCounter } from "../usage.ts";
import type { ChatAnswer } from "./chat-answer.ts";

export class ChatChunkBuilder implements ChunkBuilder {
  readonly #answer: ChatAnswer;
  readonly #tokens: TokenText;
  readonly #usage = new UsageCounter();
  /** `data: {"id":…,"model":…,"choices":[` */
  readonly #opening: string;

  constructor(answer: ChatAnswer, tokens: TokenText) {
    this.#answer = answer;
    this.#tokens = tokens;
    this.#opening = eventOpening(answer, "chat.completion.chunk");
  }

  push(_promptIndex: number, event: GenerationEvent): string {
    this.#usage.push(event);
    switch (event.type) {
      case "prompt":
        return this.#roleChunks(event);
      case "delta":
        return this.#deltaChunk(event);
      case "finished":
        return (
          `${this.#opening}{"index":${event.index},"delta":{},"logprobs":null,"finish_reason":"${event.reason}",` +
          `"stop_reason":${JSON.stringify(event.stopReason)}}${this.#closing}`
        );
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

  #deltaChunk(event: Extract<GenerationEvent, { type: "delta" }>): string {
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
    return (
      `${this.#opening}{"index":${event.index},"delta":{"content":${JSON.stringify(event.text)}},` +
      `"logprobs":${logprobs},"finish_reason":null${ids}}${this.#closing}`
    );
  }
}
