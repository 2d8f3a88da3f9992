/** @module The answer of /v1/messages that is not streamed. */
import { invariant } from "../../core/errors.ts";
import type { GenerationEvent } from "../../core/generation.ts";
import { type AnswerReader, type AnswerSyntax, newAnswerReaders } from "../answer/answer-reader.ts";
import type { AnswerPiece } from "../answer/pieces/answer-piece.ts";
import type { AnswerIdentity, BodyBuilder, TokenText } from "../exchange.ts";
import { UsageCounter } from "../usage.ts";
import { messageEnding, messageUsage } from "./message-usage.ts";

/** A content block so far; `text` of a call is the JSON of its arguments. */
interface BlockSoFar {
  readonly kind: "text" | "reasoning" | "call";
  text: string;
  readonly callId: string;
  readonly name: string;
}

export class MessageBodyBuilder implements BodyBuilder {
  readonly #identity: AnswerIdentity;
  readonly #syntax: AnswerSyntax | null;
  readonly #tokens: TokenText;
  readonly #usage = new UsageCounter();
  readonly #blocks: BlockSoFar[] = [];
  /** undefined where the answer is all text. */
  #reader: AnswerReader | undefined;
  #hasCalls = false;
  #finished: Extract<GenerationEvent, { type: "finished" }> | null = null;

  constructor(identity: AnswerIdentity, syntax: AnswerSyntax | null, tokens: TokenText) {
    this.#identity = identity;
    this.#syntax = syntax;
    this.#tokens = tokens;
  }

  push(_promptIndex: number, event: GenerationEvent): void {
    this.#usage.push(event);
    switch (event.type) {
      case "prompt":
        [this.#reader] = newAnswerReaders(this.#syntax, 1, event, this.#tokens);
        return;
      case "delta":
        this.#add(this.#reader?.push(event.text) ?? [{ kind: "text", text: event.text }]);
        return;
      case "finished":
        this.#add(this.#reader?.finish() ?? []);
        this.#finished = event;
    }
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
      content: this.#blocks.map(toWire),
      ...messageEnding(finished, this.#hasCalls),
      usage: messageUsage(this.#usage),
    });
  }

  #add(pieces: readonly AnswerPiece[]): void {
    for (const piece of pieces) {
      this.#hasCalls ||= piece.kind === "call";
      if (piece.kind === "call") this.#begin(piece.kind, "", piece.callId, piece.name);
      else if (piece.kind === "arguments") this.#extend("call", piece.json);
      else if (piece.text !== "") this.#extend(piece.kind, piece.text);
    }
  }

  #extend(kind: BlockSoFar["kind"], text: string): void {
    const last = this.#blocks.at(-1);
    if (last?.kind === kind) last.text += text;
    else this.#begin(kind, text, "", "");
  }

  #begin(kind: BlockSoFar["kind"], text: string, callId: string, name: string): void {
    this.#blocks.push({ kind, text, callId, name });
  }
}

function toWire({ kind, text, callId, name }: BlockSoFar): object {
  if (kind === "text") return { type: "text", text };
  if (kind === "reasoning") return { type: "thinking", thinking: text, signature: "" };
  return { type: "tool_use", id: callId, name, input: argumentsOf(text) };
}

/** An answer that reached its length may end inside the arguments. */
function argumentsOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}
