/**
 * @module Patterns of a model file, searched within bounds: some, such as `(a+)+$`, take years for a short text.
 *
 * A search cannot be stopped from JavaScript, but V8 stops code of a `vm` script when its time is up, regular expressions
 * included. That costs half a millisecond a call, so a call searches a long piece of text.
 */
import { createContext, Script } from "node:vm";
import { PagodaError } from "../../../core/errors.ts";

/** Milliseconds for one piece. Ordinary patterns take one: a busy machine may stop the thread for a while. */
const mostMs = 1000;
/** Characters that one call goes through, and matches that it collects. */
const charactersPerCall = 16_384;
const matchesPerCall = 4096;

const context = createContext({ search: null as (() => unknown) | null });
const script = new Script("search()");

/** A pattern of our own, or one of a model file. */
export type TextPattern = RegExp | BoundedPattern;

export function matchesOf(pattern: TextPattern, text: string): Iterable<RegExpExecArray> {
  return pattern instanceof BoundedPattern ? pattern.matchAll(text) : text.matchAll(pattern);
}

export class BoundedPattern {
  readonly compiled: RegExp;
  readonly source: string;
  #isTooSlow = false;

  /** `compiled` has the flag `g`; `source` is how the file writes it. */
  constructor(compiled: RegExp, source: string) {
    this.compiled = compiled;
    this.source = source;
  }

  /** All matches, found as they are asked for. Throws `model_invalid` where a piece takes longer than a second. */
  *matchAll(text: string): Generator<RegExpExecArray> {
    let at = 0;
    while (at <= text.length) {
      const { matches, next } = this.#search(text, at);
      yield* matches;
      at = next;
    }
  }

  /** Matches from `at` on, and where to go on; beyond the end: there are no more. */
  #search(text: string, at: number): { readonly matches: readonly RegExpExecArray[]; readonly next: number } {
    if (this.#isTooSlow) throw this.#tooSlow();
    const pattern = this.compiled;
    const matches: RegExpExecArray[] = [];
    let next = text.length + 1;
    context.search = () => {
      pattern.lastIndex = at;
      for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
        matches.push(match);
        // An empty match would be found again and again.
        if (match[0] === "") pattern.lastIndex += (text.codePointAt(pattern.lastIndex) ?? 0) > 0xffff ? 2 : 1;
        if (matches.length < matchesPerCall && pattern.lastIndex < at + charactersPerCall) continue;
        next = pattern.lastIndex;
        return;
      }
    };
    try {
      script.runInContext(context, { timeout: mostMs });
    } catch (cause) {
      if (!isTimeout(cause)) throw cause;
      this.#isTooSlow = true;
      throw this.#tooSlow();
    } finally {
      context.search = null;
    }
    return { matches, next };
  }

  #tooSlow(): PagodaError {
    return new PagodaError(
      "model_invalid",
      `The tokenizer's pattern ${this.source.slice(0, mostShown)} takes more than ${mostMs} ms for a piece of a text.`,
      { hint: "Use the model's original tokenizer file: such a pattern can stop a server." },
    );
  }
}

const mostShown = 100;

/** The error is one of the script's own world, no `Error` of this one. */
function isTimeout(thrown: unknown): boolean {
  return (
    typeof thrown === "object" &&
    thrown !== null &&
    "code" in thrown &&
    thrown.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
  );
}
