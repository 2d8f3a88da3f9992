/** @module Calls written as JSON objects between marks: Hermes, Qwen, Llama 3, Granite, Phi, and Mistral's older form. */
import type { AnswerParser, AnswerPiece, CallNumbers } from "../pieces/answer-piece.ts";
import { firstMarker, numHeldBack } from "../pieces/markers.ts";
import { type CallListener, JsonCall } from "./json-call.ts";

export interface JsonCallsSyntax {
  /** Texts before calls; each may come again. */
  readonly opens: readonly string[];
  /** Texts after calls. */
  readonly closes: readonly string[];
  /** Whether an answer that begins with an object (or a list of them) is calls without any mark. */
  readonly mayBeBare: boolean;
}

const betweenCalls: ReadonlySet<string> = new Set([" ", "\n", "\t", "\r", "[", "]", ",", ";"]);

export class JsonCallsParser implements AnswerParser {
  readonly #syntax: JsonCallsSyntax;
  readonly #calls: CallNumbers;
  #place: "start" | "text" | "between" | "call" | "after" = "start";
  /** Not looked at yet. */
  #rest = "";
  /** As written, since the last piece of text or call: given out as text where it is no call after all. */
  #raw = "";
  #call: JsonCall | null = null;
  /** Whether the name of the newest call is known and has been given out. */
  #hasBegun = false;
  #pieces: AnswerPiece[] = [];

  constructor(syntax: JsonCallsSyntax, calls: CallNumbers) {
    this.#syntax = syntax;
    this.#calls = calls;
    if (!syntax.mayBeBare) this.#place = "text";
  }

  push(text: string): readonly AnswerPiece[] {
    this.#rest += text;
    while (this.#advance());
    return this.#taken();
  }

  finish(): readonly AnswerPiece[] {
    const text = this.#raw + this.#rest;
    // Blanks and brackets after the last call are no text.
    if (this.#place !== "between" || !this.#hasBegun || /[^\s[\],;]/.test(text)) this.#sendText(text);
    this.#raw = "";
    this.#rest = "";
    return this.#taken();
  }

  #taken(): readonly AnswerPiece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  #sendText(text: string): void {
    if (text !== "") this.#pieces.push({ kind: "text", text });
  }

  /** false where more text is needed. */
  #advance(): boolean {
    switch (this.#place) {
      case "start":
        return this.#start();
      case "text":
        return this.#text();
      case "between":
        return this.#between();
      case "call":
        return this.#readCall();
      case "after":
        return this.#after();
    }
  }

  #start(): boolean {
    const first = this.#rest.trimStart()[0];
    if (first === undefined) return false;
    this.#place = first === "{" || first === "[" ? "between" : "text";
    return true;
  }

  #text(): boolean {
    const { opens } = this.#syntax;
    const found = firstMarker(this.#rest, opens);
    const end = found === null ? this.#rest.length - numHeldBack(this.#rest, opens) : found.at;
    this.#sendText(this.#rest.slice(0, end));
    this.#rest = this.#rest.slice(end);
    if (found === null) return false;
    this.#keepRaw(found.marker.length);
    this.#place = "between";
    return true;
  }

  #keepRaw(numCharacters: number): void {
    this.#raw += this.#rest.slice(0, numCharacters);
    this.#rest = this.#rest.slice(numCharacters);
  }

  #between(): boolean {
    const char = this.#rest[0];
    if (char === undefined) return false;
    if (char === "{") {
      this.#call = new JsonCall(this.#listener());
      this.#hasBegun = false;
      this.#place = "call";
      return true;
    }
    const marks = [...this.#syntax.closes, ...this.#syntax.opens];
    const mark = firstMarker(this.#rest, marks);
    if (mark !== null && mark.at === 0) {
      this.#keepRaw(mark.marker.length);
      if (this.#syntax.closes.includes(mark.marker)) this.#leaveCalls();
      return true;
    }
    if (numHeldBack(this.#rest, marks) === this.#rest.length) return false;
    if (betweenCalls.has(char)) this.#keepRaw(1);
    else this.#giveUp();
    return true;
  }

  #leaveCalls(): void {
    this.#raw = "";
    this.#place = "after";
  }

  /** Blanks between and after calls are no text. */
  #after(): boolean {
    this.#rest = this.#rest.trimStart();
    if (this.#rest === "") return false;
    this.#place = "text";
    return true;
  }

  #listener(): CallListener {
    return {
      begin: (name) => {
        this.#hasBegun = true;
        this.#pieces.push(this.#calls.begin(name));
      },
      continue: (json) => this.#pieces.push(this.#calls.continue(json)),
    };
  }

  #readCall(): boolean {
    const { state, next } = this.#call?.push(this.#rest, 0) ?? { state: "invalid", next: 0 };
    this.#keepRaw(next);
    if (this.#hasBegun) this.#raw = "";
    if (state === "open") return false;
    if (state === "invalid") this.#giveUp();
    else this.#place = "between";
    return true;
  }

  /** What was read is no call: it is text. */
  #giveUp(): void {
    this.#sendText(this.#raw);
    this.#raw = "";
    this.#place = "text";
  }
}
