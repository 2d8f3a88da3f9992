/** @module The answer of /v1/responses that is not streamed. */
import { invariant } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import { type AnswerReader, newAnswerReaders } from "../answer/answer-reader.ts";
import type { BodyBuilder, TokenText } from "../exchange.ts";
import { UsageCounter } from "../usage.ts";
import { ResponseItems } from "./response-items.ts";
import { itemWire, type ResponseAnswer, responseUsage, responseWire, statusOf } from "./response-wire.ts";

export class ResponseBodyBuilder implements BodyBuilder {
  readonly #answer: ResponseAnswer;
  readonly #tokens: TokenText;
  readonly #usage = new UsageCounter();
  readonly #items: ResponseItems;
  /** undefined where the answer is all text. */
  #reader: AnswerReader | undefined;
  #finished: Extract<GenerationEvent, { type: "finished" }> | null = null;

  constructor(answer: ResponseAnswer, tokens: TokenText) {
    this.#answer = answer;
    this.#tokens = tokens;
    this.#items = new ResponseItems(answer.identity.answerId, answer.showsReasoning);
  }

  push(_promptIndex: number, event: GenerationEvent): void {
    this.#usage.push(event);
    switch (event.type) {
      case "prompt":
        [this.#reader] = newAnswerReaders(this.#answer.syntax, 1, event, this.#tokens);
        return;
      case "delta":
        this.#items.push(
          this.#reader?.push(event.text) ?? [{ kind: "text", text: event.text }],
          event.logprobs ?? [],
        );
        return;
      case "finished":
        this.#items.push(this.#reader?.finish() ?? [], []);
        this.#items.end();
        this.#finished = event;
    }
  }

  *pieces(): Generator<string> {
    const finished = this.#finished;
    invariant(finished !== null, () => `${this.#answer.identity.answerId} has no ending`);
    const { items } = this.#items;
    const status = statusOf(finished);
    const output = items.map((item, i) =>
      itemWire(item, i === items.length - 1 ? status : "completed", this.#answer, this.#tokens),
    );
    yield JSON.stringify(
      responseWire(this.#answer, { status, output, usage: responseUsage(this.#usage), error: null }),
    );
  }
}
