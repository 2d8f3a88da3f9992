/** @module The notation of FunctionGemma: <start_function_call>call:f{city:<escape>Paris<escape>}<end_function_call>. */
import type { AnswerParser, AnswerPiece, CallNumbers } from "../pieces/answer-piece.ts";
import { firstMarker, numHeldBack } from "../pieces/markers.ts";

const open = "<start_function_call>";
const close = "<end_function_call>";
const quote = "<escape>";

export class FunctionGemmaParser implements AnswerParser {
  readonly #calls: CallNumbers;
  #rest = "";
  #inCall = false;
  #hasCalls = false;

  constructor(calls: CallNumbers) {
    this.#calls = calls;
  }

  push(text: string): readonly AnswerPiece[] {
    this.#rest += text;
    const pieces: AnswerPiece[] = [];
    while (this.#inCall ? this.#call(pieces) : this.#text(pieces));
    return pieces;
  }

  finish(): readonly AnswerPiece[] {
    const text = (this.#inCall ? open : "") + this.#rest;
    this.#rest = "";
    if (text === "" || (this.#hasCalls && text.trim() === "")) return [];
    return [{ kind: "text", text }];
  }

  #text(pieces: AnswerPiece[]): boolean {
    const found = firstMarker(this.#rest, [open]);
    const end = found === null ? this.#rest.length - numHeldBack(this.#rest, [open]) : found.at;
    const text = this.#rest.slice(0, end);
    if (this.#hasCalls && found === null && text.trim() === "") return false;
    if (text !== "" && !(this.#hasCalls && text.trim() === "")) pieces.push({ kind: "text", text });
    this.#rest = this.#rest.slice(end + (found?.marker.length ?? 0));
    this.#inCall = found !== null;
    return this.#inCall;
  }

  #call(pieces: AnswerPiece[]): boolean {
    const end = this.#rest.indexOf(close);
    if (end === -1) return false;
    const written = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + close.length);
    this.#inCall = false;
    const parts = /^\s*call:([^{\s]+)\s*\{([\s\S]*)\}\s*$/.exec(written);
    const json = parts === null ? null : asJson(`{${parts[2]}}`);
    if (json === null) pieces.push({ kind: "text", text: open + written + close });
    else {
      pieces.push(...this.#calls.whole(parts?.[1] ?? "", json));
      this.#hasCalls = true;
    }
    return true;
  }
}

/** Texts stand between `<escape>` marks, keys and words stand bare. null where that makes no JSON. */
function asJson(written: string): string | null {
  const json = written
    .split(quote)
    .map((part, i) => (i % 2 === 1 ? JSON.stringify(part) : quotedKeys(part)))
    .join("");
  try {
    JSON.parse(json);
    return json;
  } catch {
    return null;
  }
}

const quotedKeys = (part: string): string => part.replace(/([{,]\s*)([A-Za-z_][\w.-]*)(\s*:)/g, '$1"$2"$3');
