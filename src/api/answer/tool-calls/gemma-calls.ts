/** @module The notation of FunctionGemma and Gemma 4: a mark, call:f{city:…,days:2}, a mark; texts stand between marks of their own. */
import type { AnswerParser, AnswerPiece, CallNumbers } from "../pieces/answer-piece.ts";
import { firstMarker, numHeldBack } from "../pieces/markers.ts";

export interface GemmaCallsSyntax {
  readonly open: string;
  readonly close: string;
  /** Before and after a text. */
  readonly quote: string;
}

export class GemmaCallsParser implements AnswerParser {
  readonly #syntax: GemmaCallsSyntax;
  readonly #calls: CallNumbers;
  #rest = "";
  #inCall = false;
  #hasCalls = false;

  constructor(syntax: GemmaCallsSyntax, calls: CallNumbers) {
    this.#syntax = syntax;
    this.#calls = calls;
  }

  push(text: string): readonly AnswerPiece[] {
    this.#rest += text;
    const pieces: AnswerPiece[] = [];
    while (this.#inCall ? this.#call(pieces) : this.#text(pieces));
    return pieces;
  }

  finish(): readonly AnswerPiece[] {
    const text = (this.#inCall ? this.#syntax.open : "") + this.#rest;
    this.#rest = "";
    if (text === "" || (this.#hasCalls && text.trim() === "")) return [];
    return [{ kind: "text", text }];
  }

  #text(pieces: AnswerPiece[]): boolean {
    const { open } = this.#syntax;
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
    const { open, close, quote } = this.#syntax;
    const end = this.#rest.indexOf(close);
    if (end === -1) return false;
    const written = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + close.length);
    this.#inCall = false;
    const parts = /^\s*call:([^{\s]+)\s*\{([\s\S]*)\}\s*$/.exec(written);
    const json = parts === null ? null : asJson(`{${parts[2]}}`, quote);
    if (json === null) pieces.push({ kind: "text", text: open + written + close });
    else {
      pieces.push(...this.#calls.whole(parts?.[1] ?? "", json));
      this.#hasCalls = true;
    }
    return true;
  }
}

/** Texts stand between quotes, keys and words stand bare. null where that makes no JSON. */
function asJson(written: string, quote: string): string | null {
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
