/** @module The streamed answer of a text completion: JSON is joined from prepared pieces, one string a token. */
import { invariant } from "../core/errors.ts";
import type { GenerationEvent } from "../core/generation.ts";
import type { CompletionAnswer } from "./completion-answer.ts";
import { type EchoedPrompt, openingOfChoice } from "./echoed-prompt.ts";
import type { ChunkBuilder, PromptEvent, TokenText } from "./exchange.ts";
import { type CompletionLogprobsBuilder, promptLogprobs } from "./logprobs.ts";
import { endOfStream, eventOpening } from "./stream-text.ts";
import { UsageCounter } from "./usage.ts";

export class CompletionChunkBuilder implements ChunkBuilder {
  private readonly answer: CompletionAnswer;
  private readonly tokens: TokenText;
  private readonly usage = new UsageCounter();
  /** By choice index; present only where log-probabilities were asked for. */
  private readonly logprobsBuilders: (CompletionLogprobsBuilder | undefined)[] = [];
  /** `data: {"id":…,"model":…,"choices":[` */
  private readonly opening: string;
  private readonly closing: string;

  constructor(answer: CompletionAnswer, tokens: TokenText) {
    this.answer = answer;
    this.tokens = tokens;
    this.opening = eventOpening(answer, "text_completion", answer.modelId);
    this.closing = answer.includesUsage ? '],"usage":null}\n\n' : "]}\n\n";
  }

  push(promptIndex: number, event: GenerationEvent): string {
    this.usage.push(event);
    const firstChoice = promptIndex * this.answer.numChoicesPerPrompt;
    switch (event.type) {
      case "prompt":
        return this.promptChunks(promptIndex, firstChoice, event);
      case "delta":
        return this.deltaChunk(firstChoice + event.index, event);
      case "finished":
        return (
          `${this.opening}{"index":${firstChoice + event.index},"text":"","logprobs":null,` +
          `"finish_reason":"${event.reason}","stop_reason":${JSON.stringify(event.stopReason)}}${this.closing}`
        );
    }
  }

  end(): string {
    if (!this.answer.includesUsage) return endOfStream;
    return `${this.opening}],"usage":${JSON.stringify(this.usage.usage())}}\n\n${endOfStream}`;
  }

  private promptChunks(promptIndex: number, firstChoice: number, event: PromptEvent): string {
    const { answer } = this;
    let chunks = "";
    for (let i = 0; i < answer.numChoicesPerPrompt; i++) {
      if (!answer.echoes && !answer.showsLogprobs && !answer.showsPromptLogprobs && !answer.showsTokenIds)
        break;
      const echoed = openingOfChoice(answer, this.tokens, promptIndex, event);
      this.logprobsBuilders[firstChoice + i] = echoed.following;
      chunks += this.echoChunk(firstChoice + i, echoed, event);
    }
    return chunks;
  }

  private echoChunk(choiceIndex: number, echoed: EchoedPrompt, event: PromptEvent): string {
    const { answer } = this;
    if (!answer.echoes && !answer.showsPromptLogprobs && !answer.showsTokenIds) return "";
    const ids = answer.showsTokenIds
      ? `,"prompt_token_ids":${JSON.stringify(event.promptTokenIds)},"token_ids":[]`
      : "";
    const prompt =
      answer.showsPromptLogprobs && event.promptLogprobs !== null
        ? `,"prompt_logprobs":${JSON.stringify(promptLogprobs(this.tokens, event.promptLogprobs))}`
        : "";
    return (
      `${this.opening}{"index":${choiceIndex},"text":${JSON.stringify(echoed.text)},` +
      `"logprobs":${JSON.stringify(echoed.logprobs)},"finish_reason":null${ids}${prompt}}${this.closing}`
    );
  }

  private deltaChunk(choiceIndex: number, event: Extract<GenerationEvent, { type: "delta" }>): string {
    const ids = this.answer.showsTokenIds ? `,"token_ids":${JSON.stringify(event.tokenIds)}` : "";
    return (
      `${this.opening}{"index":${choiceIndex},"text":${JSON.stringify(event.text)},` +
      `"logprobs":${this.deltaLogprobs(choiceIndex, event)},"finish_reason":null${ids}}${this.closing}`
    );
  }

  private deltaLogprobs(choiceIndex: number, event: Extract<GenerationEvent, { type: "delta" }>): string {
    if (!this.answer.showsLogprobs || event.logprobs === null) return "null";
    const builder = this.logprobsBuilders[choiceIndex];
    invariant(builder !== undefined, () => `choice ${choiceIndex} has not begun`);
    return JSON.stringify(builder.take(event.tokenIds, event.logprobs));
  }
}
