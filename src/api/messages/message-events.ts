/** @module The streamed answer of /v1/messages: named events, each with its name in `type` too. */
import { invariant, type PagodaError } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import type { AnswerIdentity, ChunkBuilder } from "../exchange.ts";
import { UsageCounter } from "../usage.ts";
import { messageErrorBody } from "./message-error.ts";
import { messageEnding, messageUsage } from "./message-usage.ts";

export class MessageEventBuilder implements ChunkBuilder {
  readonly #identity: AnswerIdentity;
  readonly #usage = new UsageCounter();
  #finished: Extract<GenerationEvent, { type: "finished" }> | null = null;

  constructor(identity: AnswerIdentity) {
    this.#identity = identity;
  }

  push(_promptIndex: number, event: GenerationEvent): string {
    this.#usage.push(event);
    switch (event.type) {
      case "prompt":
        return this.#opening();
      case "delta":
        return event.text === "" ? "" : textDelta(event.text);
      case "finished":
        this.#finished = event;
        return "";
    }
  }

  end(): string {
    const finished = this.#finished;
    invariant(finished !== null, () => `${this.#identity.answerId} has no ending`);
    return (
      namedEvent({ type: "content_block_stop", index: 0 }) +
      namedEvent({
        type: "message_delta",
        delta: messageEnding(finished),
        usage: messageUsage(this.#usage),
      }) +
      namedEvent({ type: "message_stop" })
    );
  }

  fail(error: PagodaError): string {
    return namedEvent({ ...messageErrorBody(error, null) });
  }

  #opening(): string {
    const { answerId, modelName } = this.#identity;
    const message = {
      id: answerId,
      type: "message",
      role: "assistant",
      model: modelName,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: messageUsage(this.#usage),
    };
    return (
      namedEvent({ type: "message_start", message }) +
      namedEvent({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }) +
      namedEvent({ type: "ping" })
    );
  }
}

function textDelta(text: string): string {
  return `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":${JSON.stringify(text)}}}\n\n`;
}

function namedEvent(event: { readonly type: string; readonly [field: string]: unknown }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
