/** @module The message of an answer that is not streamed, put together from its pieces. */
import type { AnswerPiece } from "../answer/pieces/answer-piece.ts";

interface WireCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; arguments: string };
}

export class AssistantMessage {
  #text = "";
  #reasoning = "";
  readonly #calls: WireCall[] = [];

  push(piece: AnswerPiece): void {
    switch (piece.kind) {
      case "text":
        this.#text += piece.text;
        return;
      case "reasoning":
        this.#reasoning += piece.text;
        return;
      case "call":
        this.#calls[piece.index] = {
          id: piece.callId,
          type: "function",
          function: { name: piece.name, arguments: "" },
        };
        return;
      case "arguments": {
        const call = this.#calls[piece.index];
        if (call !== undefined) call.function.arguments += piece.json;
      }
    }
  }

  /** In OpenAI's shape; `reasoning_content` as vLLM, DeepSeek and others have it. Content is null beside calls alone. */
  toWire(showsReasoning: boolean): object {
    const hasCalls = this.#calls.length > 0;
    return {
      role: "assistant",
      content: hasCalls && this.#text.trim() === "" ? null : this.#text,
      refusal: null,
      ...(showsReasoning && this.#reasoning !== "" ? { reasoning_content: this.#reasoning } : {}),
      ...(hasCalls ? { tool_calls: this.#calls } : {}),
    };
  }
}
