/** @module The answer of a text completion that is not streamed. */
import { invariant } from "../core/errors.ts";
import type { FinishReason, GenerationEvent } from "../core/generation.ts";
import type { CompletionAnswer } from "./completion-answer.ts";
import { openingOfChoice } from "./echoed-prompt.ts";
import type { BodyBuilder, PromptEvent, TokenText } from "./exchange.ts";
import {
  appendLogprobs,
  type CompletionLogprobs,
  type CompletionLogprobsBuilder,
  type PromptLogprobs,
  promptLogprobs,
} from "./logprobs.ts";
import { type Usage, UsageCounter } from "./usage.ts";

interface CompletionChoice {
  readonly index: number;
  readonly text: string;
  readonly logprobs: CompletionLogprobs | null;
  readonly finish_reason: FinishReason;
  readonly stop_reason: string | number | null;
  readonly prompt_logprobs?: PromptLogprobs;
  readonly prompt_token_ids?: readonly number[];
  readonly token_ids?: readonly number[];
}

export interface Completion {
  readonly id: string;
  readonly object: "text_completion";
  readonly created: number;
  readonly model: string;
  readonly choices: readonly CompletionChoice[];
  readonly usage: Usage;
}

interface ChoiceSoFar {
  text: string;
  readonly prompt: PromptEvent;
  readonly tokenIds: number[];
  readonly logprobs: CompletionLogprobs;
  readonly logprobsBuilder: CompletionLogprobsBuilder;
  finished: Extract<GenerationEvent, { type: "finished" }> | null;
}

export class CompletionBodyBuilder implements BodyBuilder {
  private readonly answer: CompletionAnswer;
  private readonly tokens: TokenText;
  private readonly usage = new UsageCounter();
  /** By choice index; a choice begins with its prompt's event. */
  private readonly choices: (ChoiceSoFar | undefined)[] = [];

  constructor(answer: CompletionAnswer, tokens: TokenText) {
    this.answer = answer;
    this.tokens = tokens;
  }

  push(promptIndex: number, event: GenerationEvent): void {
    this.usage.push(event);
    const firstChoice = promptIndex * this.answer.numChoicesPerPrompt;
    if (event.type === "prompt") {
      for (let i = 0; i < this.answer.numChoicesPerPrompt; i++)
        this.choices[firstChoice + i] = this.beginChoice(promptIndex, event);
      return;
    }
    const choice = this.choices[firstChoice + event.index];
    invariant(choice !== undefined, () => `sequence ${event.index} of prompt ${promptIndex} has not begun`);
    if (event.type === "finished") {
      choice.finished = event;
      return;
    }
    choice.text += event.text;
    if (this.answer.showsTokenIds) choice.tokenIds.push(...event.tokenIds);
    if (this.answer.showsLogprobs && event.logprobs !== null)
      appendLogprobs(choice.logprobs, choice.logprobsBuilder.take(event.tokenIds, event.logprobs));
  }

  body(): Completion {
    const { answer } = this;
    return {
      id: answer.answerId,
      object: "text_completion",
      created: answer.createdUnixSeconds,
      model: answer.modelId,
      choices: Array.from({ length: answer.prompts.length * answer.numChoicesPerPrompt }, (_, i) =>
        this.choiceBody(i),
      ),
      usage: this.usage.usage(),
    };
  }

  private beginChoice(promptIndex: number, prompt: PromptEvent): ChoiceSoFar {
    const opening = openingOfChoice(this.answer, this.tokens, promptIndex, prompt);
    return {
      text: opening.text,
      prompt,
      tokenIds: [],
      logprobs: opening.logprobs ?? { text_offset: [], token_logprobs: [], tokens: [], top_logprobs: [] },
      logprobsBuilder: opening.following,
      finished: null,
    };
  }

  private choiceBody(index: number): CompletionChoice {
    const { answer } = this;
    const choice = this.choices[index];
    const finished = choice?.finished ?? null;
    invariant(
      choice !== undefined && finished !== null,
      () => `choice ${index} of ${answer.answerId} has no ending`,
    );
    const shownPromptLogprobs = answer.showsPromptLogprobs ? choice.prompt.promptLogprobs : null;
    return {
      index,
      text: choice.text,
      logprobs: answer.showsLogprobs ? choice.logprobs : null,
      finish_reason: finished.reason,
      stop_reason: finished.stopReason,
      ...(shownPromptLogprobs === null
        ? {}
        : { prompt_logprobs: promptLogprobs(this.tokens, shownPromptLogprobs) }),
      ...(answer.showsTokenIds
        ? { prompt_token_ids: choice.prompt.promptTokenIds, token_ids: choice.tokenIds }
        : {}),
    };
  }
}
