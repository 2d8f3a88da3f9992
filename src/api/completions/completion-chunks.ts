/** @module The streamed answer of a text completion: JSON is joined from prepared pieces, one string a token. */
import type { PagodaError } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import type { ChunkBuilder, PromptEvent, TokenText } from "../exchange.ts";
import {
  completionLogprobsPieces,
  joined,
  promptLogprobsPieces,
  type ScoredTokens,
  textEnd,
} from "../logprobs.ts";
import { endOfStream, errorEvent, eventOpening } from "../stream-text.ts";
import { chunkClosing, UsageCounter } from "../usage.ts";
import type { CompletionAnswer } from "./completion-answer.ts";
import { echoedText } from "./echoed-prompt.ts";

export class CompletionChunkBuilder implements ChunkBuilder {
  readonly #answer: CompletionAnswer;
  readonly #tokens: TokenText;
  readonly #usage = new UsageCounter();
  /** Text offset reached, by choice index; moves only where log-probabilities are shown. */
  readonly #textOffsets: number[] = [];
  /** `data: {"id":…,"model":…,"choices":[` */
  readonly #opening: string;

  constructor(answer: CompletionAnswer, tokens: TokenText) {
    this.#answer = answer;
    this.#tokens = tokens;
    this.#opening = eventOpening(answer, "text_completion");
  }

  push(promptIndex: number, event: GenerationEvent): string {
    this.#usage.push(event);
    const firstChoice = promptIndex * this.#answer.numChoicesPerPrompt;
    switch (event.type) {
      case "prompt":
        return this.#promptChunks(promptIndex, firstChoice, event);
      case "delta":
        return this.#deltaChunk(firstChoice + event.index, event);
      case "finished":
        return (
          `${this.#opening}{"index":${firstChoice + event.index},"text":"","logprobs":null,` +
          `"finish_reason":"${event.reason}","stop_reason":${JSON.stringify(event.stopReason)}}${this.#closing}`
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

  /** One chunk per choice with what was asked about the prompt; none where nothing was. */
  #promptChunks(promptIndex: number, firstChoice: number, event: PromptEvent): string {
    const answer = this.#answer;
    if (!answer.echoes && !answer.showsPromptLogprobs && !answer.showsTokenIds) return "";
    const text = JSON.stringify(echoedText(answer, this.#tokens, promptIndex, event));
    const extra = this.#promptFields(event);
    let chunks = "";
    for (let i = 0; i < answer.numChoicesPerPrompt; i++) {
      const logprobs =
        answer.echoes && event.promptLogprobs !== null
          ? this.#logprobs(firstChoice + i, {
              tokenIds: event.promptTokenIds,
              positions: event.promptLogprobs,
            })
          : "null";
      chunks +=
        `${this.#opening}{"index":${firstChoice + i},"text":${text},"logprobs":${logprobs},` +
        `"finish_reason":null${extra}}${this.#closing}`;
    }
    return chunks;
  }

  #promptFields(event: PromptEvent): string {
    const answer = this.#answer;
    const ids = answer.showsTokenIds
      ? `,"prompt_token_ids":${JSON.stringify(event.promptTokenIds)},"token_ids":[]`
      : "";
    if (!answer.showsPromptLogprobs || event.promptLogprobs === null) return ids;
    return `${ids},"prompt_logprobs":${joined(promptLogprobsPieces(this.#tokens, event.promptLogprobs))}`;
  }

  #deltaChunk(choiceIndex: number, event: Extract<GenerationEvent, { type: "delta" }>): string {
    const ids = this.#answer.showsTokenIds ? `,"token_ids":${JSON.stringify(event.tokenIds)}` : "";
    const logprobs =
      event.logprobs === null
        ? "null"
        : this.#logprobs(choiceIndex, { tokenIds: event.tokenIds, positions: event.logprobs });
    return (
      `${this.#opening}{"index":${choiceIndex},"text":${JSON.stringify(event.text)},` +
      `"logprobs":${logprobs},"finish_reason":null${ids}}${this.#closing}`
    );
  }

  #logprobs(choiceIndex: number, scored: ScoredTokens): string {
    const answer = this.#answer;
    const tokens = this.#tokens;
    if (!answer.showsLogprobs) return "null";
    const offset = this.#textOffsets[choiceIndex] ?? 0;
    this.#textOffsets[choiceIndex] = textEnd(tokens, scored.tokenIds, offset);
    return joined(completionLogprobsPieces({ tokens, asTokenIds: answer.tokensAsIds }, scored, offset));
  }
}
