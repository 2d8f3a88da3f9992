/** @module Calls whose arguments stand between marks, one after another: Qwen3-Coder's XML and GLM's keys and values. */
import type { ToolDefinition } from "../../../core/answer/tools.ts";
import type { AnswerParser, AnswerPiece, CallNumbers } from "../pieces/answer-piece.ts";
import { firstMarker, numHeldBack } from "../pieces/markers.ts";
import { argumentJson } from "./argument-types.ts";

export interface MarkedArgumentsSyntax {
  /** Before a call, and after it. */
  readonly open: string;
  readonly close: string;
  /** Before the name of the function; "": the name follows `open`. */
  readonly nameOpen: string;
  /** After the name. */
  readonly nameClose: string;
  readonly keyOpen: string;
  /** After a key, all of it up to its value. A group that matches "true" says that the value is a text, "false" that it is JSON. */
  readonly keyClose: RegExp;
  readonly valueClose: string;
  /** Also ends a value that is not closed. */
  readonly closesAll: readonly string[];
  /** Texts without meaning around a call. */
  readonly ignored: readonly string[];
}

/** Arguments are given out one by one, each when its text is complete: its type decides how it is written as JSON. */
export class MarkedArgumentsParser implements AnswerParser {
  readonly #syntax: MarkedArgumentsSyntax;
  readonly #calls: CallNumbers;
  readonly #tools: readonly ToolDefinition[];
  readonly #textMarks: readonly string[];
  #place: "text" | "name" | "arguments" = "text";
  #rest = "";
  #opening = "";
  #name = "";
  #numArguments = 0;
  #hasCalls = false;

  constructor(syntax: MarkedArgumentsSyntax, calls: CallNumbers, tools: readonly ToolDefinition[]) {
    this.#syntax = syntax;
    this.#calls = calls;
    this.#tools = tools;
    this.#textMarks = [syntax.open, syntax.close, ...syntax.ignored].concat(
      syntax.nameOpen === "" ? [] : [syntax.nameOpen],
    );
  }

  push(text: string): readonly AnswerPiece[] {
    this.#rest += text;
    const pieces: AnswerPiece[] = [];
    while (this.#advance(pieces));
    return pieces;
  }

  finish(): readonly AnswerPiece[] {
    const pieces: AnswerPiece[] = [];
    if (this.#place === "arguments") this.#endArguments(pieces);
    else {
      const text = this.#opening + this.#rest;
      if (text !== "" && !(this.#hasCalls && text.trim() === "")) pieces.push({ kind: "text", text });
    }
    this.#opening = "";
    this.#rest = "";
    return pieces;
  }

  #advance(pieces: AnswerPiece[]): boolean {
    switch (this.#place) {
      case "text":
        return this.#text(pieces);
      case "name":
        return this.#readName(pieces);
      case "arguments":
        return this.#argument(pieces);
    }
  }

  #text(pieces: AnswerPiece[]): boolean {
    const found = firstMarker(this.#rest, this.#textMarks);
    const end = found === null ? this.#rest.length - numHeldBack(this.#rest, this.#textMarks) : found.at;
    const text = this.#rest.slice(0, end);
    if (this.#hasCalls && found === null && text.trim() === "") return false;
    if (text !== "" && !(this.#hasCalls && text.trim() === "")) pieces.push({ kind: "text", text });
    this.#rest = this.#rest.slice(end);
    if (found === null) return false;
    const { open, nameOpen } = this.#syntax;
    const isOpen = found.marker === open || (found.marker === nameOpen && nameOpen !== "");
    if (isOpen) this.#opening = found.marker;
    // The name's mark is read with the name.
    if (found.marker !== nameOpen) this.#rest = this.#rest.slice(found.marker.length);
    else this.#opening = "";
    if (isOpen) this.#place = "name";
    return true;
  }

  #readName(pieces: AnswerPiece[]): boolean {
    const { nameOpen, nameClose } = this.#syntax;
    const text = this.#rest.trimStart();
    if (!text.startsWith(nameOpen)) return nameOpen.startsWith(text) ? false : this.#giveUp(pieces);
    const afterOpen = text.slice(nameOpen.length);
    const end = firstMarker(afterOpen, [nameClose, this.#syntax.keyOpen, ...this.#syntax.closesAll]);
    if (end === null) return false;
    const name = afterOpen.slice(0, end.at).trim();
    if (name === "" || /[\s<>]/.test(name)) return this.#giveUp(pieces);
    this.#name = name;
    this.#rest = afterOpen.slice(end.marker === nameClose ? end.at + nameClose.length : end.at);
    this.#numArguments = 0;
    this.#opening = "";
    this.#hasCalls = true;
    pieces.push(this.#calls.begin(name));
    this.#place = "arguments";
    return true;
  }

  #giveUp(pieces: AnswerPiece[]): boolean {
    const { nameOpen } = this.#syntax;
    const numGiven = this.#rest.trimStart().startsWith(nameOpen)
      ? this.#rest.length - this.#rest.trimStart().length + nameOpen.length
      : 0;
    const text = this.#opening + this.#rest.slice(0, numGiven);
    if (text !== "") pieces.push({ kind: "text", text });
    this.#rest = this.#rest.slice(numGiven);
    this.#opening = "";
    this.#place = "text";
    return true;
  }

  #argument(pieces: AnswerPiece[]): boolean {
    const { keyOpen, keyClose, valueClose, closesAll } = this.#syntax;
    const next = firstMarker(this.#rest, [keyOpen, ...closesAll]);
    if (next === null) return false;
    if (next.marker !== keyOpen) {
      this.#rest = this.#rest.slice(next.at + next.marker.length);
      this.#endArguments(pieces);
      this.#place = "text";
      return true;
    }
    const afterKey = this.#rest.slice(next.at + keyOpen.length);
    const between = keyClose.exec(afterKey);
    if (between === null) return false;
    const key = afterKey.slice(0, between.index).trim();
    const value = afterKey.slice(between.index + between[0].length);
    const end = firstMarker(value, [valueClose, ...closesAll]);
    if (end === null) return false;
    this.#rest = value.slice(end.marker === valueClose ? end.at + valueClose.length : end.at);
    this.#sendArgument(key, value.slice(0, end.at), between[1] === "true", pieces);
    return true;
  }

  #sendArgument(key: string, written: string, isText: boolean, pieces: AnswerPiece[]): void {
    // One line break after the opening mark and one before the closing one belong to the form.
    const value = written.replace(/^\n/, "").replace(/\n$/, "");
    const json = isText ? JSON.stringify(written) : argumentJson(value, this.#name, key, this.#tools);
    const opening = this.#numArguments++ === 0 ? "{" : ", ";
    pieces.push(this.#calls.continue(`${opening}${JSON.stringify(key)}: ${json}`));
  }

  #endArguments(pieces: AnswerPiece[]): void {
    pieces.push(this.#calls.continue(this.#numArguments === 0 ? "{}" : "}"));
  }
}
