/** @module The output of a response: reasoning, messages and calls of functions as items, while they grow. */
import type { PositionLogprobs } from "../../core/generation.ts";
import type { AnswerPiece } from "../answer/pieces/answer-piece.ts";

export type ItemStatus = "in_progress" | "completed" | "incomplete";

export interface OutputItem {
  readonly kind: "message" | "reasoning" | "call";
  readonly itemId: string;
  /** The text, or the JSON text of a call's arguments. */
  text: string;
  /** Of a call. */
  readonly callId: string;
  readonly name: string;
  readonly positions: PositionLogprobs[];
}

/** What happened to the item with this index. */
export type ItemChange =
  | { readonly kind: "opened" | "closed"; readonly index: number }
  | {
      readonly kind: "grown";
      readonly index: number;
      readonly text: string;
      readonly positions: readonly PositionLogprobs[];
    };

const idPrefixes = { message: "msg_", reasoning: "rs_", call: "fc_" } as const;

export class ResponseItems {
  readonly items: OutputItem[] = [];
  /** Ids of items are the answer's with a number. */
  readonly #idStem: string;
  readonly #showsReasoning: boolean;
  #isOpen = false;

  constructor(answerId: string, showsReasoning: boolean) {
    this.#showsReasoning = showsReasoning;
    this.#idStem = answerId.replace(/^resp_/, "");
  }

  /** Adds pieces; log-probabilities go with the first text among them. */
  push(pieces: readonly AnswerPiece[], positions: readonly PositionLogprobs[]): ItemChange[] {
    const changes: ItemChange[] = [];
    let unplaced = positions;
    for (const piece of pieces) {
      if (piece.kind === "reasoning" && !this.#showsReasoning) continue;
      if (piece.kind === "call") {
        changes.push(...this.#open("call", piece.callId, piece.name));
        continue;
      }
      const kind = piece.kind === "text" ? "message" : piece.kind === "reasoning" ? "reasoning" : "call";
      if (!this.#isOpen || this.items.at(-1)?.kind !== kind) changes.push(...this.#open(kind, "", ""));
      const text = piece.kind === "arguments" ? piece.json : piece.text;
      changes.push(...this.#grow(text, kind === "message" ? unplaced : []));
      if (kind === "message") unplaced = [];
    }
    return changes;
  }

  /** Closes the last item. An answer without any gets an empty message. */
  end(): ItemChange[] {
    const opened = this.items.length === 0 ? this.#open("message", "", "") : [];
    return [...opened, ...this.#close()];
  }

  #open(kind: OutputItem["kind"], callId: string, name: string): ItemChange[] {
    const closed = this.#close();
    const index = this.items.length;
    const itemId = `${idPrefixes[kind]}${this.#idStem}${index}`;
    this.items.push({ kind, itemId, text: "", callId, name, positions: [] });
    this.#isOpen = true;
    return [...closed, { kind: "opened", index }];
  }

  #grow(text: string, positions: readonly PositionLogprobs[]): ItemChange[] {
    const index = this.items.length - 1;
    const item = this.items[index];
    if (item === undefined || (text === "" && positions.length === 0)) return [];
    item.text += text;
    item.positions.push(...positions);
    return [{ kind: "grown", index, text, positions }];
  }

  #close(): ItemChange[] {
    if (!this.#isOpen) return [];
    this.#isOpen = false;
    return [{ kind: "closed", index: this.items.length - 1 }];
  }
}
