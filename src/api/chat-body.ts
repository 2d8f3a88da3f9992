/** @module The answer of a chat completion that is not streamed. */
import { invariant } from "../core/errors.ts";
import type { FinishReason, GenerationEvent, PositionLogprobs } from "../core/generation.ts";
import type { ChatAnswer } from "./chat-answer.ts";
import type { BodyBuilder, PromptEvent, TokenText } from "./exchange.ts";
import { type ChatLogprobs, chatLogprobs, type PromptLogprobs, promptLogprobs } from "./logprobs.ts";
import { type Usage, UsageCounter } from "./usage.ts";

interface ChatCompletionChoice {
  readonly index: number;
  readonly message: { readonly role: "assistant"; readonly content: string; readonly refusal: null };
  readonly logprobs: ChatLogprobs | null;
  readonly finish_reason: FinishReason;
  readonly stop_reason: string | number | null;
  readonly token_ids?: readonly number[];
}

export interface ChatCompletion {
  readonly id: string;
  readonly object: "chat.completion";
  readonly created: number;
  readonly model: string;
  readonly choices: readonly ChatCompletionChoice[];
  readonly usage: Usage;
  readonly prompt_logprobs?: PromptLogprobs;
  readonly prompt_token_ids?: readonly number[];
}

interface ChoiceSoFar {
  text: string;
  readonly tokenIds: number[];
  readonly logprobs: PositionLogprobs[];
  finished: Extract<GenerationEvent, { type: "finished" }> | null;
}

export class ChatBodyBuilder implements BodyBuilder {
  private readonly answer: ChatAnswer;
  private readonly tokens: TokenText;
  private readonly usage = new UsageCounter();
  private readonly choices: ChoiceSoFar[];
  private prompt: PromptEvent | null = null;

  constructor(answer: ChatAnswer, tokens: TokenText) {
    this.answer = answer;
    this.tokens = tokens;
    this.choices = Array.from({ length: answer.numChoices }, () => ({
      text: "",
      tokenIds: [],
      logprobs: [],
      finished: null,
    }));
  }

  push(_promptIndex: number, event: GenerationEvent): void {
    this.usage.push(event);
    if (event.type === "prompt") {
      this.prompt = event;
      return;
    }
    const choice = this.choices[event.index];
    invariant(choice !== undefined, () => `event of sequence ${event.index} of ${this.choices.length}`);
    if (event.type === "finished") {
      choice.finished = event;
      return;
    }
    choice.text += event.text;
    if (this.answer.showsTokenIds) choice.tokenIds.push(...event.tokenIds);
    if (event.logprobs !== null) choice.logprobs.push(...event.logprobs);
  }

  body(): ChatCompletion {
    const { answer, prompt } = this;
    const shownPromptLogprobs = answer.showsPromptLogprobs ? (prompt?.promptLogprobs ?? null) : null;
    return {
      id: answer.answerId,
      object: "chat.completion",
      created: answer.createdUnixSeconds,
      model: answer.modelId,
      choices: this.choices.map((choice, index) => this.choiceBody(choice, index)),
      usage: this.usage.usage(),
      ...(shownPromptLogprobs === null
        ? {}
        : { prompt_logprobs: promptLogprobs(this.tokens, shownPromptLogprobs) }),
      ...(answer.showsTokenIds && prompt !== null ? { prompt_token_ids: prompt.promptTokenIds } : {}),
    };
  }

  private choiceBody(choice: ChoiceSoFar, index: number): ChatCompletionChoice {
    const { answer } = this;
    const { finished } = choice;
    invariant(finished !== null, () => `sequence ${index} of ${answer.answerId} has no ending`);
    const naming = { tokens: this.tokens, asTokenIds: answer.tokensAsIds };
    return {
      index,
      message: { role: "assistant", content: choice.text, refusal: null },
      logprobs: answer.showsLogprobs ? chatLogprobs(naming, choice.logprobs) : null,
      finish_reason: finished.reason,
      stop_reason: finished.stopReason,
      ...(answer.showsTokenIds ? { token_ids: choice.tokenIds } : {}),
    };
  }
}
