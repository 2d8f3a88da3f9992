/** @module Reads the text of an answer: reasoning, text and calls, told apart while it arrives. */
import type { AnswerFormat, ToolDefinition } from "../../core/answer/tools.ts";
import type { PromptEvent, TokenText } from "../exchange.ts";
import { type AnswerParser, type AnswerPiece, CallNumbers } from "./pieces/answer-piece.ts";
import { endsInReasoning, numPromptEndTokens, ReasoningSplitter } from "./reasoning.ts";
import { HarmonyParser } from "./tool-calls/harmony.ts";
import { JsonCallsParser } from "./tool-calls/json-calls.ts";
import { newToolCallParser } from "./tool-calls/tool-call-parser.ts";

/** How calls stand in an answer. */
export type CallSyntax =
  /** As the model's family writes them. */
  | { readonly kind: "own" }
  /** A JSON list of {"name", "parameters"}, which a grammar forces. */
  | { readonly kind: "list" }
  /** The answer is the arguments of this function, which a grammar forces. */
  | { readonly kind: "arguments"; readonly name: string };

export interface AnswerSyntax {
  readonly format: AnswerFormat;
  /** null: the answer has no calls. */
  readonly calls: CallSyntax | null;
  readonly tools: readonly ToolDefinition[];
  /** Whether more than one call is given out. */
  readonly parallelCalls: boolean;
}

/** The readers of the n sequences of a request, made when its prompt is known; none where the answer is all text. */
export function newAnswerReaders(
  syntax: AnswerSyntax | null,
  numSequences: number,
  event: PromptEvent,
  tokens: TokenText,
): readonly AnswerReader[] {
  if (syntax === null) return [];
  const promptEnd = tokens.detokenize(event.promptTokenIds.slice(-numPromptEndTokens));
  return Array.from({ length: numSequences }, () => new AnswerReader(syntax, promptEnd));
}

/** One for each sequence. */
export class AnswerReader {
  readonly #syntax: AnswerSyntax;
  readonly #reasoning: AnswerParser | null;
  readonly #calls: AnswerParser | null;
  #hasCalls = false;

  /** @param promptEnd the last characters of the prompt: it may leave the model inside its reasoning */
  constructor(syntax: AnswerSyntax, promptEnd: string) {
    this.#syntax = syntax;
    this.#reasoning = reasoningParser(syntax, promptEnd);
    this.#calls = this.#reasoning instanceof HarmonyParser ? null : callParser(syntax);
  }

  /** Whether a client must act on calls before the conversation goes on. */
  get endsInCalls(): boolean {
    return this.#hasCalls && this.#syntax.calls?.kind !== "arguments";
  }

  push(text: string): readonly AnswerPiece[] {
    const pieces = this.#reasoning === null ? [{ kind: "text", text } as const] : this.#reasoning.push(text);
    return this.#wanted(pieces.flatMap((piece) => this.#withCalls(piece)));
  }

  finish(): readonly AnswerPiece[] {
    const last = (this.#reasoning?.finish() ?? []).flatMap((piece) => this.#withCalls(piece));
    return this.#wanted([...last, ...(this.#calls?.finish() ?? [])]);
  }

  #withCalls(piece: AnswerPiece): readonly AnswerPiece[] {
    return piece.kind === "text" && this.#calls !== null ? this.#calls.push(piece.text) : [piece];
  }

  #wanted(pieces: readonly AnswerPiece[]): readonly AnswerPiece[] {
    this.#hasCalls ||= pieces.some((piece) => piece.kind === "call");
    return pieces.filter((piece) => {
      if (piece.kind === "text" || piece.kind === "reasoning") return piece.text !== "";
      if (this.#syntax.calls === null) return false;
      return this.#syntax.parallelCalls || piece.index === 0;
    });
  }
}

/** What tells reasoning from the rest; where the family writes in channels, it reads the calls too. */
function reasoningParser({ format, calls }: AnswerSyntax, promptEnd: string): AnswerParser | null {
  const { reasoning } = format;
  if (reasoning === null) return null;
  if (reasoning !== "openai_gptoss")
    return new ReasoningSplitter(reasoning, endsInReasoning(promptEnd, reasoning));
  // A text that a grammar forces has no channels.
  if (calls?.kind === "list" || calls?.kind === "arguments") return null;
  return new HarmonyParser(new CallNumbers(() => newCallId(format)));
}

function callParser({ calls, format, tools }: AnswerSyntax): AnswerParser | null {
  const numbers = new CallNumbers(() => newCallId(format));
  if (calls === null) return null;
  if (calls.kind === "list") return new JsonCallsParser({ opens: [], closes: [], mayBeBare: true }, numbers);
  if (calls.kind === "arguments") return new ArgumentsParser(calls.name, numbers);
  return format.toolCalls === null ? null : newToolCallParser(format.toolCalls, numbers, tools);
}

/** Mistral's templates take ids of nine letters and digits only. */
function newCallId({ toolCalls }: AnswerFormat): string {
  const id = crypto.randomUUID().replaceAll("-", "");
  return toolCalls === "mistral" ? id.slice(0, 9) : `call_${id.slice(0, 24)}`;
}

/** An answer that is the arguments of one call, from its first character to its last. */
class ArgumentsParser implements AnswerParser {
  readonly #name: string;
  readonly #calls: CallNumbers;
  #hasBegun = false;

  constructor(name: string, calls: CallNumbers) {
    this.#name = name;
    this.#calls = calls;
  }

  push(text: string): readonly AnswerPiece[] {
    if (text === "") return [];
    const begin = this.#hasBegun ? [] : [this.#calls.begin(this.#name)];
    this.#hasBegun = true;
    return [...begin, this.#calls.continue(text)];
  }

  finish(): readonly AnswerPiece[] {
    return [];
  }
}
