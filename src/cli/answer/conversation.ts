/** @module A conversation as it is typed: its messages so far, texts of several lines, and commands that begin with `/`. */
import type { ChatMessage } from "../../core/generation.ts";

export const chatHelp = `In a chat:
  /help           show this
  /clear          forget the conversation
  /undo           forget the last question and its answer
  /retry          ask the last question again
  /system [TEXT]  set the system message and begin anew;
                  without TEXT: none
  /exit           leave, as Ctrl-D does
  """             begin and end a text of several lines
  \\               at a line's end: it goes on below
Ctrl-C stops an answer; it stays in the conversation as far
as it came.`;

export type TypedLine =
  /** Goes on in the next line, or is empty. */
  | { readonly kind: "none" }
  /** The conversation's messages end with a question now. */
  | { readonly kind: "ask" }
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "leave" };

const fence = '"""';

export class Conversation {
  #system: ChatMessage | null = null;
  #exchanges: ChatMessage[] = [];
  /** Lines of a text that has not ended; null: none has begun. */
  #pending: { readonly lines: string[]; readonly isFenced: boolean } | null = null;

  get messages(): readonly ChatMessage[] {
    return this.#system === null ? this.#exchanges : [this.#system, ...this.#exchanges];
  }

  /** Whether the next line belongs to a text that has begun. */
  get goesOn(): boolean {
    return this.#pending !== null;
  }

  typed(line: string): TypedLine {
    if (this.#pending !== null) return this.#continued(line, this.#pending);
    if (line.trimStart().startsWith(fence)) return this.#begin(line.trimStart().slice(fence.length));
    if (line.endsWith("\\")) {
      this.#pending = { lines: [line.slice(0, -1)], isFenced: false };
      return { kind: "none" };
    }
    const text = line.trim();
    if (text === "") return { kind: "none" };
    return text.startsWith("/") ? this.#command(text) : this.#ask(text);
  }

  /** What the model said, or the part of it that came. */
  answered(text: string): void {
    this.#exchanges.push({ role: "assistant", content: text });
  }

  /** The last question could not be answered: it is forgotten. */
  withdraw(): void {
    if (this.#exchanges.at(-1)?.role === "user") this.#exchanges.pop();
  }

  /** A fence may end on its own line. */
  #begin(rest: string): TypedLine {
    this.#pending = { lines: [], isFenced: true };
    return rest === "" ? { kind: "none" } : this.#continued(rest, this.#pending);
  }

  #continued(line: string, pending: { readonly lines: string[]; readonly isFenced: boolean }): TypedLine {
    const end = pending.isFenced ? fence : "";
    const isLast = pending.isFenced ? line.trimEnd().endsWith(fence) : !line.endsWith("\\");
    const text = isLast ? line.trimEnd().slice(0, line.trimEnd().length - end.length) : line;
    pending.lines.push(pending.isFenced || isLast ? text : line.slice(0, -1));
    if (!isLast) return { kind: "none" };
    this.#pending = null;
    const whole = pending.lines.join("\n").trim();
    return whole === "" ? { kind: "none" } : this.#ask(whole);
  }

  #ask(text: string): TypedLine {
    this.#exchanges.push({ role: "user", content: text });
    return { kind: "ask" };
  }

  #command(text: string): TypedLine {
    const [name = "", ...words] = text.split(/\s+/);
    switch (name) {
      case "/help":
      case "/?":
        return { kind: "say", text: chatHelp };
      case "/exit":
      case "/quit":
      case "/bye":
        return { kind: "leave" };
      case "/clear":
        this.#exchanges = [];
        return { kind: "say", text: "The conversation is forgotten." };
      case "/undo":
        return this.#undo();
      case "/retry":
        return this.#retry();
      case "/system":
        return this.#setSystem(words.join(" "));
      default:
        return { kind: "say", text: `There is no command ${name}. /help lists all.` };
    }
  }

  #undo(): TypedLine {
    if (this.#exchanges.length === 0) return { kind: "say", text: "There is nothing to forget." };
    this.#exchanges = this.#exchanges.slice(0, this.#lastQuestion());
    return { kind: "say", text: "The last question and its answer are forgotten." };
  }

  #retry(): TypedLine {
    if (this.#exchanges.length === 0) return { kind: "say", text: "There is no question yet." };
    this.#exchanges = this.#exchanges.slice(0, this.#lastQuestion() + 1);
    return { kind: "ask" };
  }

  #lastQuestion(): number {
    return this.#exchanges.findLastIndex((message) => message.role === "user");
  }

  #setSystem(text: string): TypedLine {
    this.#system = text === "" ? null : { role: "system", content: text };
    this.#exchanges = [];
    return {
      kind: "say",
      text: text === "" ? "There is no system message now." : "The system message is set.",
    };
  }
}
