/**
 * @module Answers in channels, as gpt-oss writes them: each part has a header that names its channel, and for a call its
 * function, and then a text: `<|channel|>analysis<|message|>…<|end|><|start|>assistant to=functions.f<|channel|>…`.
 */
import type { AnswerParser, AnswerPiece, CallNumbers } from "../pieces/answer-piece.ts";
import { firstMarker, mayBecome, numHeldBack } from "../pieces/markers.ts";

const message = "<|message|>";
/** What a header may begin with; the prompt ends with `<|start|>assistant`. */
const headerStarts = ["<|start|>", "<|channel|>", message, " to="];
/** A text ends where the next part begins, or with a mark of its own. */
const textEnds = ["<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>"];

type Part = "text" | "reasoning" | "arguments";

export class HarmonyParser implements AnswerParser {
  readonly #calls: CallNumbers;
  #rest = "";
  /** null: in a header, or between parts. */
  #part: Part | null = null;
  #hasBegun = false;
  /** Whether the newest call has arguments. */
  #hasArguments = false;

  constructor(calls: CallNumbers) {
    this.#calls = calls;
  }

  push(text: string): readonly AnswerPiece[] {
    this.#rest += text;
    const pieces: AnswerPiece[] = [];
    while (this.#part === null ? this.#header(pieces) : this.#text(pieces));
    return pieces;
  }

  finish(): readonly AnswerPiece[] {
    const pieces: AnswerPiece[] = [];
    if (this.#part !== null) {
      this.#send(this.#rest, pieces);
      this.#endPart(pieces);
    } else if (!this.#hasBegun && this.#rest.trim() !== "") pieces.push({ kind: "text", text: this.#rest });
    this.#rest = "";
    return pieces;
  }

  #header(pieces: AnswerPiece[]): boolean {
    if (!this.#hasBegun && this.#isPlain()) {
      // No channels at all: a request may have made the model begin its text.
      this.#part = "text";
      this.#hasBegun = true;
      return true;
    }
    const end = this.#rest.indexOf(message);
    if (end === -1) return false;
    const header = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + message.length);
    this.#hasBegun = true;
    const [, name] = / to=functions\.([^\s<]+)/.exec(header) ?? [];
    this.#part =
      name !== undefined ? "arguments" : /<\|channel\|>analysis/.test(header) ? "reasoning" : "text";
    if (name !== undefined) pieces.push(this.#calls.begin(name));
    this.#hasArguments = false;
    return true;
  }

  #isPlain(): boolean {
    if (this.#rest === "" || mayBecome(this.#rest, headerStarts)) return false;
    return !headerStarts.some((start) => this.#rest.startsWith(start));
  }

  #text(pieces: AnswerPiece[]): boolean {
    const found = firstMarker(this.#rest, textEnds);
    const end = found === null ? this.#rest.length - numHeldBack(this.#rest, textEnds) : found.at;
    this.#send(this.#rest.slice(0, end), pieces);
    this.#rest = this.#rest.slice(end);
    if (found === null) return false;
    this.#endPart(pieces);
    const opensHeader = found.marker === "<|start|>" || found.marker === "<|channel|>";
    if (!opensHeader) this.#rest = this.#rest.slice(found.marker.length);
    return true;
  }

  #send(text: string, pieces: AnswerPiece[]): void {
    if (text === "" || this.#part === null) return;
    if (this.#part !== "arguments") pieces.push({ kind: this.#part, text });
    else {
      this.#hasArguments = true;
      pieces.push(this.#calls.continue(text));
    }
  }

  #endPart(pieces: AnswerPiece[]): void {
    if (this.#part === "arguments" && !this.#hasArguments) pieces.push(this.#calls.continue("{}"));
    this.#part = null;
  }
}
