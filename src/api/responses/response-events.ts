/** @module The streamed answer of /v1/responses: named events with a running number. */
import { invariant, type PagodaError } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import { type AnswerReader, newAnswerReaders } from "../answer/answer-reader.ts";
import { errorBody } from "../error.ts";
import type { ChunkBuilder, TokenText } from "../exchange.ts";
import { UsageCounter } from "../usage.ts";
import { responseErrorEvent } from "./response-error.ts";
import { type ItemChange, type ItemStatus, type OutputItem, ResponseItems } from "./response-items.ts";
import {
  contentPart,
  itemWire,
  type ResponseAnswer,
  type ResponseState,
  responseUsage,
  responseWire,
  statusOf,
  wireLogprobs,
} from "./response-wire.ts";

export class ResponseEventBuilder implements ChunkBuilder {
  readonly #answer: ResponseAnswer;
  readonly #tokens: TokenText;
  readonly #usage = new UsageCounter();
  readonly #items: ResponseItems;
  /** undefined where the answer is all text. */
  #reader: AnswerReader | undefined;
  #finished: Extract<GenerationEvent, { type: "finished" }> | null = null;
  #numEvents = 0;

  constructor(answer: ResponseAnswer, tokens: TokenText) {
    this.#answer = answer;
    this.#tokens = tokens;
    this.#items = new ResponseItems(answer.identity.answerId, answer.showsReasoning);
  }

  push(_promptIndex: number, event: GenerationEvent): string {
    this.#usage.push(event);
    switch (event.type) {
      case "prompt": {
        [this.#reader] = newAnswerReaders(this.#answer.syntax, 1, event, this.#tokens);
        const response = this.#response("in_progress");
        return (
          this.#event("response.created", { response }) + this.#event("response.in_progress", { response })
        );
      }
      case "delta": {
        const pieces = this.#reader?.push(event.text) ?? [{ kind: "text", text: event.text } as const];
        return this.#changes(this.#items.push(pieces, event.logprobs ?? []), "completed");
      }
      case "finished":
        this.#finished = event;
        return this.#changes(this.#items.push(this.#reader?.finish() ?? [], []), "completed");
    }
  }

  end(): string {
    const finished = this.#finished;
    invariant(finished !== null, () => `${this.#answer.identity.answerId} has no ending`);
    const status = statusOf(finished);
    const last = this.#changes(this.#items.end(), status);
    return last + this.#event(`response.${status}`, { response: this.#response(status) });
  }

  /** The event that clients look for, and the response as far as it came. */
  fail(error: PagodaError): string {
    const { code, message } = errorBody(error).error;
    const response = this.#response("failed", { code, message });
    return responseErrorEvent(error, this.#numEvents++) + this.#event("response.failed", { response });
  }

  #response(status: ResponseState["status"], error: ResponseState["error"] = null): object {
    const { items } = this.#items;
    const hasEnded = status === "completed" || status === "incomplete";
    const output = items.map((item, i) => {
      const isLast = i === items.length - 1;
      return itemWire(
        item,
        isLast && !hasEnded ? "incomplete" : isLast ? (status as ItemStatus) : "completed",
        this.#answer,
        this.#tokens,
      );
    });
    return responseWire(this.#answer, {
      status,
      output,
      usage: hasEnded ? responseUsage(this.#usage) : null,
      error,
    });
  }

  #changes(changes: readonly ItemChange[], statusOfClosed: ItemStatus): string {
    return changes.map((change) => this.#change(change, statusOfClosed)).join("");
  }

  #change(change: ItemChange, statusOfClosed: ItemStatus): string {
    const { index } = change;
    const item = this.#items.items[index];
    invariant(item !== undefined, () => `there is no item ${index}`);
    const at = { item_id: item.itemId, output_index: index };
    switch (change.kind) {
      case "opened":
        return this.#opened(item, at);
      case "grown":
        return this.#grown(item, at, change);
      case "closed":
        return this.#closed(item, at, statusOfClosed);
    }
  }

  #opened(item: OutputItem, at: ItemPlace): string {
    const wire = itemWire({ ...item, text: "" }, "in_progress", this.#answer, this.#tokens);
    const added = this.#event("response.output_item.added", { output_index: at.output_index, item: wire });
    if (item.kind === "call") return added;
    const part = contentPart({ kind: item.kind, text: "", positions: [] }, this.#answer, this.#tokens);
    return added + this.#event("response.content_part.added", { ...at, content_index: 0, part });
  }

  #grown(
    { kind }: OutputItem,
    at: ItemPlace,
    { text: delta, positions }: Extract<ItemChange, { kind: "grown" }>,
  ): string {
    if (kind === "call") return this.#event("response.function_call_arguments.delta", { ...at, delta });
    const inPart = { ...at, content_index: 0, delta };
    if (kind === "reasoning") return this.#event("response.reasoning_text.delta", inPart);
    const logprobs = wireLogprobs([...positions], this.#answer, this.#tokens);
    return this.#event("response.output_text.delta", { ...inPart, logprobs });
  }

  #closed(item: OutputItem, at: ItemPlace, status: ItemStatus): string {
    const { kind, text, name } = item;
    const wire = itemWire(item, status, this.#answer, this.#tokens);
    const done = (): string =>
      this.#event("response.output_item.done", { output_index: at.output_index, item: wire });
    if (kind === "call")
      return this.#event("response.function_call_arguments.done", { ...at, name, arguments: text }) + done();
    const part = contentPart(item, this.#answer, this.#tokens);
    const whole =
      kind === "reasoning"
        ? this.#event("response.reasoning_text.done", { ...at, content_index: 0, text })
        : this.#event("response.output_text.done", {
            ...at,
            content_index: 0,
            text,
            logprobs: wireLogprobs(item.positions, this.#answer, this.#tokens),
          });
    return whole + this.#event("response.content_part.done", { ...at, content_index: 0, part }) + done();
  }

  #event(type: string, fields: object): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#numEvents++, ...fields })}\n\n`;
  }
}

interface ItemPlace {
  readonly item_id: string;
  readonly output_index: number;
}
