/** @module Calls written as a Python list, such as [f(a=1), g()]: Llama 3.2 and 4, Gemma 3, ToolACE. */
import type { AnswerParser, AnswerPiece, CallNumbers } from "../pieces/answer-piece.ts";
import { firstMarker, mayBecome, numHeldBack } from "../pieces/markers.ts";
import { BracketEnd, readPythonCall } from "./python-literal.ts";

/** A call is given out as a whole: its arguments are no JSON until their types are known. */
export class PythonicCallsParser implements AnswerParser {
  readonly #calls: CallNumbers;
  readonly #ignored: readonly string[];
  #place: "start" | "list" | "call" | "after" | "text" = "start";
  #rest = "";
  /** As written since the list began, while no call has been found. */
  #raw = "";
  #end = new BracketEnd();
  #numScanned = 0;
  #hasCalls = false;

  /** @param ignored marks around the list */
  constructor(ignored: readonly string[], calls: CallNumbers) {
    this.#ignored = ignored;
    this.#calls = calls;
  }

  push(text: string): readonly AnswerPiece[] {
    this.#rest += text;
    const pieces: AnswerPiece[] = [];
    while (this.#advance(pieces));
    return pieces;
  }

  finish(): readonly AnswerPiece[] {
    const text = this.#raw + this.#rest;
    this.#raw = "";
    this.#rest = "";
    if (text === "" || (this.#hasCalls && this.#place !== "text")) return [];
    return [{ kind: "text", text }];
  }

  #advance(pieces: AnswerPiece[]): boolean {
    switch (this.#place) {
      case "start":
        return this.#start(pieces);
      case "list":
        return this.#list(pieces);
      case "call":
        return this.#call(pieces);
      case "after":
      case "text":
        return this.#text(pieces);
    }
  }

  #keepRaw(numCharacters: number): void {
    this.#raw += this.#rest.slice(0, numCharacters);
    this.#rest = this.#rest.slice(numCharacters);
  }

  #start(pieces: AnswerPiece[]): boolean {
    this.#keepRaw(this.#rest.length - this.#rest.trimStart().length);
    const mark = this.#ignored.find((one) => this.#rest.startsWith(one));
    if (mark !== undefined) {
      this.#keepRaw(mark.length);
      return true;
    }
    if (this.#rest === "" || mayBecome(this.#rest, this.#ignored)) return false;
    if (this.#rest[0] !== "[") return this.#giveUp(pieces);
    this.#keepRaw(1);
    this.#place = "list";
    return true;
  }

  #list(pieces: AnswerPiece[]): boolean {
    const blanks = /^[\s,]*/.exec(this.#rest)?.[0].length ?? 0;
    this.#keepRaw(blanks);
    if (this.#rest === "") return false;
    if (this.#rest[0] === "]" && this.#hasCalls) {
      this.#rest = this.#rest.slice(1);
      this.#raw = "";
      this.#place = "after";
      return true;
    }
    const name = /^[A-Za-z_][\w.-]*\s*/.exec(this.#rest)?.[0] ?? "";
    if (name.length === this.#rest.length) return false;
    if (name === "" || this.#rest[name.length] !== "(") return this.#giveUp(pieces);
    this.#end = new BracketEnd();
    this.#numScanned = name.length;
    this.#place = "call";
    return this.#call(pieces);
  }

  #call(pieces: AnswerPiece[]): boolean {
    for (; this.#numScanned < this.#rest.length; this.#numScanned++) {
      if (!this.#end.push(this.#rest[this.#numScanned] as string)) continue;
      const call = readPythonCall(this.#rest.slice(0, this.#numScanned + 1));
      if (call === null) return this.#giveUp(pieces);
      pieces.push(...this.#calls.whole(call.name, call.json));
      this.#rest = this.#rest.slice(this.#numScanned + 1);
      this.#raw = "";
      this.#hasCalls = true;
      this.#place = "list";
      return true;
    }
    return false;
  }

  #giveUp(pieces: AnswerPiece[]): boolean {
    const text = this.#raw;
    this.#raw = "";
    this.#place = "text";
    if (text !== "") pieces.push({ kind: "text", text });
    return true;
  }

  #text(pieces: AnswerPiece[]): boolean {
    if (this.#place === "after") {
      const text = this.#rest.trimStart();
      const mark = this.#ignored.find((one) => text.startsWith(one));
      if (mark !== undefined) this.#rest = text.slice(mark.length);
      if (mark !== undefined || text === "" || mayBecome(text, this.#ignored)) return mark !== undefined;
      this.#place = "text";
    }
    // Where the family has marks, calls may follow a text.
    const found = firstMarker(this.#rest, this.#ignored);
    const end = found === null ? this.#rest.length - numHeldBack(this.#rest, this.#ignored) : found.at;
    if (end > 0) pieces.push({ kind: "text", text: this.#rest.slice(0, end) });
    this.#rest = this.#rest.slice(end);
    if (found === null) return false;
    this.#place = "start";
    return true;
  }
}
