/** @module The answer of /v1/messages that is not streamed. */
import { invariant } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import type { AnswerIdentity, BodyBuilder } from "../exchange.ts";
import { UsageCounter } from "../usage.ts";
import { messageEnding, messageUsage } from "./message-usage.ts";

export class MessageBodyBuilder implements BodyBuilder {
  readonly #identity: AnswerIdentity;
  readonly #usage = new UsageCounter();
  #text = "";
  #finished: Extract<GenerationEvent, { type: "finished" }> | null = null;

  constructor(identity: AnswerIdentity) {
    this.#identity = identity;
  }

  push(_promptIndex: number, event: GenerationEvent): void {
    this.#usage.push(event);
    if (event.type === "delta") this.#text += event.text;
    else if (event.type === "finished") this.#finished = event;
  }

  *pieces(): Generator<string> {
    const { answerId, modelName } = this.#identity;
    const finished = this.#finished;
    invariant(finished !== null, () => `${answerId} has no ending`);
    yield JSON.stringify({
      id: answerId,
      type: "message",
      role: "assistant",
      model: modelName,
      content: [{ type: "text", text: this.#text }],
      ...messageEnding(finished),
      usage: messageUsage(this.#usage),
    });
  }
}
