/** @module The answer of a text completion that is not streamed. */
import { invariant } from "../../core/errors.ts";
import type { GenerationEvent, PositionLogprobs } from "../../core/generation.ts";
import type { BodyBuilder, PromptEvent, TokenText } from "../exchange.ts";
import { completionLogprobsPieces, promptLogprobsPieces, type ScoredTokens } from "../logprobs.ts";
import { bodyOpening } from "../stream-text.ts";
import { UsageCounter } from "../usage.ts";
import type { CompletionAnswer } from "./completion-answer.ts";
import { echoedText } from "./echoed-prompt.ts";

interface ChoiceSoFar {
  text: string;
  readonly prompt: PromptEvent;
  /** Of the output; kept where they or their log-probabilities are shown. */
  readonly tokenIds: number[];
  readonly positions: PositionLogprobs[];
  finished: Extract<GenerationEvent, { type: "finished" }> | null;
}

export class CompletionBodyBuilder implements BodyBuilder {
  readonly #answer: CompletionAnswer;
  readonly #tokens: TokenText;
  readonly #usage = new UsageCounter();
  /** By choice index; a choice begins with its prompt's event. */
  readonly #choices: (ChoiceSoFar | undefined)[] = [];

  constructor(answer: CompletionAnswer, tokens: TokenText) {
    this.#answer = answer;
    this.#tokens = tokens;
  }

  push(promptIndex: number, event: GenerationEvent): void {
    this.#usage.push(event);
    const answer = this.#answer;
    const firstChoice = promptIndex * answer.numChoicesPerPrompt;
    if (event.type === "prompt") {
      const text = echoedText(answer, this.#tokens, promptIndex, event);
      for (let i = 0; i < answer.numChoicesPerPrompt; i++)
        this.#choices[firstChoice + i] = { text, prompt: event, tokenIds: [], positions: [], finished: null };
      return;
    }
    const choice = this.#choices[firstChoice + event.index];
    invariant(choice !== undefined, () => `sequence ${event.index} of prompt ${promptIndex} has not begun`);
    if (event.type === "finished") {
      choice.finished = event;
      return;
    }
    choice.text += event.text;
    if (answer.showsTokenIds || answer.showsLogprobs) choice.tokenIds.push(...event.tokenIds);
    if (event.logprobs !== null) choice.positions.push(...event.logprobs);
  }

  *pieces(): Generator<string> {
    const answer = this.#answer;
    yield bodyOpening(answer, "text_completion");
    for (let index = 0; index < answer.prompts.length * answer.numChoicesPerPrompt; index++)
      yield* this.#choicePieces(index);
    yield `],"usage":${JSON.stringify(this.#usage.usage())}}`;
  }

  *#choicePieces(index: number): Generator<string> {
    const answer = this.#answer;
    const choice = this.#choices[index];
    const finished = choice?.finished ?? null;
    invariant(
      choice !== undefined && finished !== null,
      () => `choice ${index} of ${answer.answerId} has no ending`,
    );
    yield `${index === 0 ? "" : ","}{"index":${index},"text":${JSON.stringify(choice.text)},"logprobs":`;
    if (answer.showsLogprobs)
      yield* completionLogprobsPieces(
        { tokens: this.#tokens, asTokenIds: answer.tokensAsIds },
        this.#scored(choice),
        0,
      );
    else yield "null";
    yield `,"finish_reason":"${finished.reason}","stop_reason":${JSON.stringify(finished.stopReason)}`;
    if (answer.showsPromptLogprobs && choice.prompt.promptLogprobs !== null) {
      yield ',"prompt_logprobs":';
      yield* promptLogprobsPieces(this.#tokens, choice.prompt.promptLogprobs);
    }
    if (answer.showsTokenIds)
      yield `,"prompt_token_ids":${JSON.stringify(choice.prompt.promptTokenIds)},"token_ids":${JSON.stringify(choice.tokenIds)}`;
    yield "}";
  }

  /** The tokens of the choice's text: with `echo`, the prompt's come first. */
  #scored({ prompt, tokenIds, positions }: ChoiceSoFar): ScoredTokens {
    if (!this.#answer.echoes || prompt.promptLogprobs === null) return { tokenIds, positions };
    return {
      tokenIds: [...prompt.promptTokenIds, ...tokenIds],
      positions: [...prompt.promptLogprobs, ...positions],
    };
  }
}
