/** @module Mistral's two forms: [TOOL_CALLS][{"name": …}] and, in newer models, [TOOL_CALLS]name[ARGS]{…}. */
import type { AnswerParser, AnswerPiece, CallNumbers } from "../pieces/answer-piece.ts";
import { firstMarker, numHeldBack } from "../pieces/markers.ts";
import { JsonCallsParser } from "./json-calls.ts";
import { NamedCallsParser } from "./named-calls.ts";

const open = "[TOOL_CALLS]";

/** The first character after the mark tells the forms apart. */
export class MistralCallsParser implements AnswerParser {
  readonly #calls: CallNumbers;
  #chosen: AnswerParser | null = null;
  #rest = "";

  constructor(calls: CallNumbers) {
    this.#calls = calls;
  }

  push(text: string): readonly AnswerPiece[] {
    if (this.#chosen !== null) return this.#chosen.push(text);
    this.#rest += text;
    const found = firstMarker(this.#rest, [open]);
    const end = found === null ? this.#rest.length - numHeldBack(this.#rest, [open]) : found.at;
    const pieces: AnswerPiece[] = end === 0 ? [] : [{ kind: "text", text: this.#rest.slice(0, end) }];
    this.#rest = this.#rest.slice(end);
    const first = found === null ? undefined : this.#rest.slice(open.length).trimStart()[0];
    if (first === undefined) return pieces;
    this.#chosen = this.#parserFor(first);
    const rest = this.#rest;
    this.#rest = "";
    return [...pieces, ...this.#chosen.push(rest)];
  }

  finish(): readonly AnswerPiece[] {
    if (this.#chosen !== null) return this.#chosen.finish();
    return this.#rest === "" ? [] : [{ kind: "text", text: this.#rest }];
  }

  #parserFor(first: string): AnswerParser {
    if (first === "[" || first === "{")
      return new JsonCallsParser({ opens: [open], closes: [], mayBeBare: false }, this.#calls);
    return new NamedCallsParser(
      {
        open,
        separators: ["[ARGS]"],
        ignored: [],
        nameOf: (header) => /^[^\s[\]{}"]+/.exec(header)?.[0] ?? "",
      },
      this.#calls,
    );
  }
}
