/** @module The answer of a chat completion that is not streamed. */
import { invariant } from "../../core/errors.ts";
import type { GenerationEvent, PositionLogprobs } from "../../core/generation.ts";
import { type AnswerReader, newAnswerReaders } from "../answer/answer-reader.ts";
import type { BodyBuilder, PromptEvent, TokenText } from "../exchange.ts";
import { chatLogprobsPieces, promptLogprobsPieces } from "../logprobs.ts";
import { bodyOpening } from "../stream-text.ts";
import { UsageCounter } from "../usage.ts";
import { AssistantMessage } from "./assistant-message.ts";
import type { ChatAnswer } from "./chat-answer.ts";

interface ChoiceSoFar {
  readonly message: AssistantMessage;
  readonly tokenIds: number[];
  readonly logprobs: PositionLogprobs[];
  finished: Extract<GenerationEvent, { type: "finished" }> | null;
}

export class ChatBodyBuilder implements BodyBuilder {
  readonly #answer: ChatAnswer;
  readonly #tokens: TokenText;
  readonly #usage = new UsageCounter();
  readonly #choices: ChoiceSoFar[];
  #prompt: PromptEvent | null = null;
  /** Empty where the answer is all text. */
  #readers: readonly AnswerReader[] = [];

  constructor(answer: ChatAnswer, tokens: TokenText) {
    this.#answer = answer;
    this.#tokens = tokens;
    this.#choices = Array.from({ length: answer.numChoices }, () => ({
      message: new AssistantMessage(),
      tokenIds: [],
      logprobs: [],
      finished: null,
    }));
  }

  push(_promptIndex: number, event: GenerationEvent): void {
    this.#usage.push(event);
    if (event.type === "prompt") {
      this.#prompt = event;
      this.#readers = newAnswerReaders(this.#answer.syntax, this.#answer.numChoices, event, this.#tokens);
      return;
    }
    const choice = this.#choices[event.index];
    invariant(choice !== undefined, () => `event of sequence ${event.index} of ${this.#choices.length}`);
    const reader = this.#readers[event.index];
    if (event.type === "finished") {
      choice.finished = event;
      for (const piece of reader?.finish() ?? []) choice.message.push(piece);
      return;
    }
    const pieces = reader?.push(event.text) ?? [{ kind: "text", text: event.text }];
    for (const piece of pieces) choice.message.push(piece);
    if (this.#answer.showsTokenIds) choice.tokenIds.push(...event.tokenIds);
    if (event.logprobs !== null) choice.logprobs.push(...event.logprobs);
  }

  *pieces(): Generator<string> {
    const answer = this.#answer;
    const prompt = this.#prompt;
    yield bodyOpening(answer, "chat.completion");
    for (const [index, choice] of this.#choices.entries()) yield* this.#choicePieces(choice, index);
    yield `],"usage":${JSON.stringify(this.#usage.usage())}`;
    if (answer.showsPromptLogprobs && prompt !== null && prompt.promptLogprobs !== null) {
      yield ',"prompt_logprobs":';
      yield* promptLogprobsPieces(this.#tokens, prompt.promptLogprobs);
    }
    if (answer.showsTokenIds && prompt !== null)
      yield `,"prompt_token_ids":${JSON.stringify(prompt.promptTokenIds)}`;
    yield "}";
  }

  *#choicePieces(choice: ChoiceSoFar, index: number): Generator<string> {
    const answer = this.#answer;
    const { finished } = choice;
    invariant(finished !== null, () => `sequence ${index} of ${answer.answerId} has no ending`);
    const message = choice.message.toWire(answer.showsReasoning);
    const endsInCalls = finished.reason === "stop" && this.#readers[index]?.endsInCalls === true;
    yield `${index === 0 ? "" : ","}{"index":${index},"message":${JSON.stringify(message)},"logprobs":`;
    if (answer.showsLogprobs)
      yield* chatLogprobsPieces({ tokens: this.#tokens, asTokenIds: answer.tokensAsIds }, choice.logprobs);
    else yield "null";
    yield `,"finish_reason":"${endsInCalls ? "tool_calls" : finished.reason}","stop_reason":${JSON.stringify(finished.stopReason)}`;
    yield answer.showsTokenIds ? `,"token_ids":${JSON.stringify(choice.tokenIds)}}` : "}";
  }
}
