/** @module Splits the reasoning off an answer. */
import type { OutputConstraint } from "../../core/answer/output-constraint.ts";
import type { ReasoningFormat } from "../../core/answer/tools.ts";
import type { AnswerParser, AnswerPiece } from "./pieces/answer-piece.ts";
import { firstMarker, numHeldBack } from "./pieces/markers.ts";

interface ReasoningMarks {
  readonly opens: readonly [string, ...string[]];
  readonly closes: readonly [string, ...string[]];
}

const thinkTags: ReasoningMarks = { opens: ["<think>"], closes: ["</think>"] };

const marksOf: Readonly<Record<ReasoningFormat, ReasoningMarks>> = {
  deepseek_r1: thinkTags,
  qwen3: thinkTags,
  mistral: { opens: ["[THINK]"], closes: ["[/THINK]"] },
  granite: {
    opens: ["Here is my thought process:", "Here's my thought process:"],
    closes: ["Here is my response:", "Here's my response:"],
  },
};

/** The marks that a grammar lets stand before the text that it is for; null where there are none. */
export function reasoningMarks(format: ReasoningFormat | null): OutputConstraint["reasoning"] {
  if (format === null) return null;
  const { opens, closes } = marksOf[format];
  return { open: opens[0], close: closes[0] };
}

/** Whether the prompt, by its last characters, leaves the model inside its reasoning. */
export function endsInReasoning(promptEnd: string, format: ReasoningFormat): boolean {
  const { opens } = marksOf[format];
  return opens.some((open) => promptEnd.trimEnd().endsWith(open));
}

/** Characters of the end of a prompt that `endsInReasoning` looks at. */
export const numPromptEndTokens = 16;

/** Reasoning comes first in an answer, if at all: between its marks, or up to the closing one if the prompt opened it. */
export class ReasoningSplitter implements AnswerParser {
  readonly #marks: ReasoningMarks;
  #place: "start" | "reasoning" | "after" | "text";
  #rest = "";
  #isFirst = true;

  constructor(format: ReasoningFormat, isOpen: boolean) {
    this.#marks = marksOf[format];
    this.#place = isOpen ? "reasoning" : "start";
  }

  push(text: string): readonly AnswerPiece[] {
    this.#rest += text;
    const pieces: AnswerPiece[] = [];
    while (this.#advance(pieces));
    return pieces;
  }

  finish(): readonly AnswerPiece[] {
    const text = this.#place === "reasoning" ? this.#rest.trimEnd() : this.#rest;
    this.#rest = "";
    if (text === "" || (this.#place === "after" && text.trim() === "")) return [];
    return [{ kind: this.#place === "reasoning" ? "reasoning" : "text", text }];
  }

  #advance(pieces: AnswerPiece[]): boolean {
    switch (this.#place) {
      case "start":
        return this.#start();
      case "reasoning":
        return this.#reasoning(pieces);
      case "after":
        return this.#after();
      case "text":
        if (this.#rest !== "") pieces.push({ kind: "text", text: this.#rest });
        this.#rest = "";
        return false;
    }
  }

  #start(): boolean {
    const text = this.#rest.trimStart();
    const { opens } = this.#marks;
    const open = opens.find((one) => text.startsWith(one));
    if (open !== undefined) {
      this.#rest = text.slice(open.length);
      this.#place = "reasoning";
      return true;
    }
    if (opens.some((one) => one.startsWith(text))) return false;
    this.#place = "text";
    return true;
  }

  /** Blanks around the reasoning belong to its form. */
  #reasoning(pieces: AnswerPiece[]): boolean {
    if (this.#isFirst) this.#rest = this.#rest.trimStart();
    const { opens, closes } = this.#marks;
    // A model may write the opening mark although the prompt had it.
    const again = this.#isFirst ? opens.find((one) => this.#rest.startsWith(one)) : undefined;
    if (again !== undefined) {
      this.#rest = this.#rest.slice(again.length);
      return true;
    }
    if (this.#isFirst && opens.some((one) => one.startsWith(this.#rest))) return false;
    this.#isFirst = false;
    const found = firstMarker(this.#rest, closes);
    const limit = found === null ? this.#rest.length - numHeldBack(this.#rest, closes) : found.at;
    const text = this.#rest.slice(0, limit).trimEnd();
    if (text !== "") pieces.push({ kind: "reasoning", text });
    if (found === null) {
      this.#rest = this.#rest.slice(text.length);
      return false;
    }
    this.#rest = this.#rest.slice(found.at + found.marker.length);
    this.#place = "after";
    return true;
  }

  #after(): boolean {
    this.#rest = this.#rest.trimStart();
    if (this.#rest === "") return false;
    this.#place = "text";
    return true;
  }
}
