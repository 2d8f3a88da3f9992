/** @module Calls written as a name and then a JSON object, with marks around both: Mistral, DeepSeek, Kimi. */
import type { AnswerParser, AnswerPiece, CallNumbers } from "../pieces/answer-piece.ts";
import { firstMarker, numHeldBack } from "../pieces/markers.ts";
import { ValueEnd } from "./json-call.ts";

export interface NamedCallsSyntax {
  /** Before each call. */
  readonly open: string;
  /** Between name and arguments; the arguments' own brace also ends a name. */
  readonly separators: readonly string[];
  /** Texts without meaning before, between and after calls. */
  readonly ignored: readonly string[];
  /** The name of the function in what stands between `open` and the arguments. */
  readonly nameOf: (header: string) => string;
}

export class NamedCallsParser implements AnswerParser {
  readonly #syntax: NamedCallsSyntax;
  readonly #marks: readonly string[];
  readonly #calls: CallNumbers;
  #place: "text" | "name" | "arguments" = "text";
  #rest = "";
  #end = new ValueEnd();
  /** After the first call, blanks are no text. */
  #hasCalls = false;

  constructor(syntax: NamedCallsSyntax, calls: CallNumbers) {
    this.#syntax = syntax;
    this.#calls = calls;
    this.#marks = [syntax.open, ...syntax.ignored];
  }

  push(text: string): readonly AnswerPiece[] {
    this.#rest += text;
    const pieces: AnswerPiece[] = [];
    while (this.#advance(pieces));
    return pieces;
  }

  finish(): readonly AnswerPiece[] {
    const text = this.#place === "name" ? this.#syntax.open + this.#rest : this.#rest;
    this.#rest = "";
    if (text === "" || this.#place === "arguments" || (this.#hasCalls && text.trim() === "")) return [];
    return [{ kind: "text", text }];
  }

  #advance(pieces: AnswerPiece[]): boolean {
    switch (this.#place) {
      case "text":
        return this.#text(pieces);
      case "name":
        return this.#name(pieces);
      case "arguments":
        return this.#arguments(pieces);
    }
  }

  #text(pieces: AnswerPiece[]): boolean {
    const found = firstMarker(this.#rest, this.#marks);
    const end = found === null ? this.#rest.length - numHeldBack(this.#rest, this.#marks) : found.at;
    const text = this.#rest.slice(0, end);
    if (this.#hasCalls && found === null && text.trim() === "") return false;
    if (text !== "" && !(this.#hasCalls && text.trim() === "")) pieces.push({ kind: "text", text });
    this.#rest = this.#rest.slice(end);
    if (found === null) return false;
    this.#rest = this.#rest.slice(found.marker.length);
    if (found.marker === this.#syntax.open) this.#place = "name";
    return true;
  }

  #name(pieces: AnswerPiece[]): boolean {
    const brace = this.#rest.indexOf("{");
    if (brace === -1) return false;
    let header = this.#rest.slice(0, brace);
    for (const separator of this.#syntax.separators) header = header.replaceAll(separator, "\n");
    const name = this.#syntax.nameOf(header.trim());
    if (name === "") {
      pieces.push({ kind: "text", text: this.#syntax.open + this.#rest.slice(0, brace + 1) });
      this.#rest = this.#rest.slice(brace + 1);
      this.#place = "text";
      return true;
    }
    pieces.push(this.#calls.begin(name));
    this.#hasCalls = true;
    this.#rest = this.#rest.slice(brace);
    this.#end = new ValueEnd();
    this.#place = "arguments";
    return true;
  }

  #arguments(pieces: AnswerPiece[]): boolean {
    for (let i = 0; i < this.#rest.length; i++) {
      if (this.#end.push(this.#rest[i] as string) !== "last") continue;
      pieces.push(this.#calls.continue(this.#rest.slice(0, i + 1)));
      this.#rest = this.#rest.slice(i + 1);
      this.#place = "text";
      return true;
    }
    if (this.#rest !== "") pieces.push(this.#calls.continue(this.#rest));
    this.#rest = "";
    return false;
  }
}
