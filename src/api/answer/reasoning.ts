/** @module Splits the reasoning off an answer. */
import type { OutputConstraint } from "../../core/answer/output-constraint.ts";
import type { ReasoningFormat } from "../../core/answer/tools.ts";
import type { AnswerParser, AnswerPiece } from "./pieces/answer-piece.ts";
import { firstMarker, mayBecome, numHeldBack } from "./pieces/markers.ts";

interface ReasoningMarks {
  readonly opens: readonly [string, ...string[]];
  readonly closes: readonly [string, ...string[]];
  /** Whether the marks are special tokens, which texts otherwise have none of. */
  readonly areSpecial?: boolean;
  /** Marks around the text after the reasoning. */
  readonly wrappers?: readonly string[];
}

const thinkTags: ReasoningMarks = { opens: ["<think>"], closes: ["</think>"] };

/** Formats whose reasoning stands between two marks; of the others a parser of its own reads the whole answer. */
const marksOf: Readonly<Record<Exclude<ReasoningFormat, "openai_gptoss">, ReasoningMarks>> = {
  deepseek_r1: thinkTags,
  qwen3: thinkTags,
  seed_oss: { opens: ["<seed:think>"], closes: ["</seed:think>"] },
  mistral: { opens: ["[THINK]"], closes: ["[/THINK]"], areSpecial: true },
  gemma4: { opens: ["<|channel>", "<|channel>thought\n"], closes: ["<channel|>"], areSpecial: true },
  cohere_command3: {
    opens: ["<|START_THINKING|>"],
    closes: ["<|END_THINKING|>"],
    areSpecial: true,
    wrappers: ["<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"],
  },
  granite: {
    opens: ["Here is my thought process:", "Here's my thought process:"],
    closes: ["Here is my response:", "Here's my response:"],
  },
};

/** The marks that a grammar lets stand before the text that it is for; null where there are none. */
export function reasoningMarks(format: ReasoningFormat | null): OutputConstraint["reasoning"] {
  // A mark of several tokens cannot be told from the text of a rule.
  if (format === null || format === "openai_gptoss") return null;
  const { opens, closes } = marksOf[format];
  return { open: opens[0], close: closes[0] };
}

/** Whether the prompt, by its last characters, leaves the model inside its reasoning. */
export function endsInReasoning(promptEnd: string, format: MarkedReasoning): boolean {
  const { opens } = marksOf[format];
  return opens.some((open) => promptEnd.trimEnd().endsWith(open.trimEnd()));
}

/** Whether the text must keep its special tokens, because some of them mark the reasoning. */
export function marksAreSpecial(format: ReasoningFormat | null): boolean {
  return format === "openai_gptoss" || (format !== null && marksOf[format].areSpecial === true);
}

export type MarkedReasoning = Exclude<ReasoningFormat, "openai_gptoss">;

/** Characters of the end of a prompt that `endsInReasoning` looks at. */
export const numPromptEndTokens = 16;

/** Reasoning comes first in an answer, if at all: between its marks, or up to the closing one if the prompt opened it. */
export class ReasoningSplitter implements AnswerParser {
  readonly #marks: ReasoningMarks;
  #place: "start" | "reasoning" | "after" | "text";
  #rest = "";
  #isFirst = true;

  constructor(format: MarkedReasoning, isOpen: boolean) {
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
    if (text !== "" && (this.#marks.wrappers ?? []).includes(text)) return [];
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
        return this.#text(pieces);
    }
  }

  #text(pieces: AnswerPiece[]): boolean {
    const { wrappers = [] } = this.#marks;
    const found = firstMarker(this.#rest, wrappers);
    const end = found === null ? this.#rest.length - numHeldBack(this.#rest, wrappers) : found.at;
    const text = this.#rest.slice(0, end);
    if (text !== "") pieces.push({ kind: "text", text });
    this.#rest = this.#rest.slice(end + (found?.marker.length ?? 0));
    return found !== null;
  }

  #start(): boolean {
    const text = this.#rest.trimStart();
    const { opens, closes } = this.#marks;
    if (text === "" || mayBecome(text, [...opens, ...closes])) return false;
    // A prompt that turns reasoning off may leave its end to the model.
    const close = closes.find((one) => text.startsWith(one));
    if (close !== undefined) {
      this.#rest = text.slice(close.length);
      this.#place = "after";
      return true;
    }
    const open = longestStart(text, opens);
    if (open !== undefined) {
      this.#rest = text.slice(open.length);
      this.#place = "reasoning";
      return true;
    }
    this.#place = "text";
    return true;
  }

  /** Blanks around the reasoning belong to its form. */
  #reasoning(pieces: AnswerPiece[]): boolean {
    if (this.#isFirst) this.#rest = this.#rest.trimStart();
    const { opens, closes } = this.#marks;
    // A model may write the opening mark although the prompt had it.
    if (this.#isFirst && mayBecome(this.#rest, opens)) return false;
    const again = this.#isFirst ? longestStart(this.#rest, opens) : undefined;
    if (again !== undefined) {
      this.#rest = this.#rest.slice(again.length);
      return true;
    }
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

function longestStart(text: string, marks: readonly string[]): string | undefined {
  return marks.filter((mark) => text.startsWith(mark)).sort((a, b) => b.length - a.length)[0];
}
