/** @module The streamed answer of /v1/messages: named events, each with its name in `type` too. */
import { invariant, type PagodaError } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import { type AnswerReader, type AnswerSyntax, newAnswerReaders } from "../answer/answer-reader.ts";
import type { AnswerPiece } from "../answer/pieces/answer-piece.ts";
import type { AnswerIdentity, ChunkBuilder, TokenText } from "../exchange.ts";
import { UsageCounter } from "../usage.ts";
import { namedErrorEvent } from "./message-error.ts";
import { messageEnding, messageUsage } from "./message-usage.ts";

type BlockKind = "text" | "reasoning" | "call";

export class MessageEventBuilder implements ChunkBuilder {
  readonly #identity: AnswerIdentity;
  readonly #syntax: AnswerSyntax | null;
  readonly #tokens: TokenText;
  readonly #usage = new UsageCounter();
  /** undefined where the answer is all text. */
  #reader: AnswerReader | undefined;
  /** The content block that is open; null before the first. */
  #open: BlockKind | null = null;
  #numBlocks = 0;
  #hasCalls = false;
  #finished: Extract<GenerationEvent, { type: "finished" }> | null = null;

  constructor(identity: AnswerIdentity, syntax: AnswerSyntax | null, tokens: TokenText) {
    this.#identity = identity;
    this.#syntax = syntax;
    this.#tokens = tokens;
  }

  push(_promptIndex: number, event: GenerationEvent): string {
    this.#usage.push(event);
    switch (event.type) {
      case "prompt":
        [this.#reader] = newAnswerReaders(this.#syntax, 1, event, this.#tokens);
        return this.#opening();
      case "delta":
        return this.#events(this.#reader?.push(event.text) ?? [{ kind: "text", text: event.text }]);
      case "finished":
        this.#finished = event;
        return this.#events(this.#reader?.finish() ?? []);
    }
  }

  end(): string {
    const finished = this.#finished;
    invariant(finished !== null, () => `${this.#identity.answerId} has no ending`);
    return (
      this.#closeBlock() +
      namedEvent({
        type: "message_delta",
        delta: messageEnding(finished, this.#hasCalls),
        usage: messageUsage(this.#usage),
      }) +
      namedEvent({ type: "message_stop" })
    );
  }

  fail(error: PagodaError): string {
    return namedErrorEvent(error);
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
    return namedEvent({ type: "message_start", message }) + namedEvent({ type: "ping" });
  }

  #events(pieces: readonly AnswerPiece[]): string {
    return pieces.map((piece) => this.#event(piece)).join("");
  }

  #event(piece: AnswerPiece): string {
    switch (piece.kind) {
      case "text":
        if (piece.text === "") return "";
        return (
          this.#opened("text", { type: "text", text: "" }) + this.#delta("text_delta", "text", piece.text)
        );
      case "reasoning":
        return (
          this.#opened("reasoning", { type: "thinking", thinking: "", signature: "" }) +
          this.#delta("thinking_delta", "thinking", piece.text)
        );
      case "call": {
        this.#hasCalls = true;
        const block = { type: "tool_use", id: piece.callId, name: piece.name, input: {} };
        return this.#closeBlock() + this.#opened("call", block);
      }
      case "arguments":
        return this.#delta("input_json_delta", "partial_json", piece.json);
    }
  }

  /** "" where a block of this kind is open. */
  #opened(kind: BlockKind, block: object): string {
    if (this.#open === kind) return "";
    const closing = this.#closeBlock();
    this.#open = kind;
    this.#numBlocks++;
    return (
      closing + namedEvent({ type: "content_block_start", index: this.#numBlocks - 1, content_block: block })
    );
  }

  #closeBlock(): string {
    if (this.#open === null) return "";
    this.#open = null;
    return namedEvent({ type: "content_block_stop", index: this.#numBlocks - 1 });
  }

  /** Joined by hand: there is one for each token. */
  #delta(type: string, field: string, text: string): string {
    return (
      `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#numBlocks - 1},` +
      `"delta":{"type":"${type}","${field}":${JSON.stringify(text)}}}\n\n`
    );
  }
}

function namedEvent(event: { readonly type: string; readonly [field: string]: unknown }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
