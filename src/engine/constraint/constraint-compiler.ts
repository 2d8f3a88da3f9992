/** @module Compiles the rules that requests state for their texts; the vocabulary is prepared when the first one comes. */
import type { OutputConstraint } from "../../core/answer/output-constraint.ts";
import { PagodaError } from "../../core/errors.ts";
import {
  buildTrie,
  GrammarFault,
  type ReasoningAllowed,
  RuleCompiler,
  type TokenTrie,
  trieBytes,
} from "../../grammar/index.ts";
import type { CompiledConstraint, TokenVocabulary } from "./sequence-constraint.ts";

/** Of one rule. */
const compileLimitMs = 2000;
/** Characters of the end of a prompt in which reasoning may have been opened. */
const promptEndLength = 64;

export interface ConstraintCompilerOptions {
  readonly tokenizer: TokenVocabulary;
  readonly vocabularyWidth: number;
  /** Heap that rules, and the states that are made of them, may hold. */
  readonly capacityBytes: number;
}

export class ConstraintCompiler {
  readonly #options: ConstraintCompilerOptions;
  readonly #rules: RuleCompiler;
  /** By the marks that it takes special tokens for. */
  readonly #tries = new Map<string, Promise<TokenTrie>>();
  #numTrieBytes = 0;

  constructor(options: ConstraintCompilerOptions) {
    this.#options = options;
    this.#rules = new RuleCompiler({ capacityBytes: options.capacityBytes, limitMs: compileLimitMs });
  }

  /** Heap that it holds, and may hold, by estimate. */
  get heap(): { readonly bytes: number; readonly capacityBytes: number } {
    const { capacityBytes } = this.#options;
    return { bytes: this.#rules.numBytes + this.#numTrieBytes, capacityBytes };
  }

  /** Rejects with PagodaError `invalid_request` that names the request's field. `promptEnd`: the end of the prompt's text. */
  async compile(constraint: OutputConstraint, promptEnd: string): Promise<CompiledConstraint> {
    const reasoning = reasoningAllowed(constraint, promptEnd);
    this.#rules.enforce(this.#numTrieBytes);
    try {
      const [recognizer, trie] = await Promise.all([
        this.#rules.compile(constraint.rule, reasoning),
        this.#trie(constraint),
      ]);
      return { recognizer, trie, tokenizer: this.#options.tokenizer, param: constraint.param };
    } catch (thrown) {
      if (!(thrown instanceof GrammarFault)) throw thrown;
      throw new PagodaError(
        "invalid_request",
        `'${constraint.param}' cannot be used: ${asClause(thrown.message)}.`,
        {
          param: constraint.param,
          hint: thrown.hint,
          cause: thrown,
        },
      );
    }
  }

  close(): Promise<void> {
    return this.#rules.close();
  }

  #trie({ reasoning }: OutputConstraint): Promise<TokenTrie> {
    const marks = reasoning === null ? [] : [reasoning.open, reasoning.close];
    const key = marks.join("\n");
    const known = this.#tries.get(key) ?? this.#buildTrie(marks);
    this.#tries.set(key, known);
    return known;
  }

  /** In slices: a vocabulary of 150,000 tokens takes some hundred milliseconds. */
  async #buildTrie(marks: readonly string[]): Promise<TokenTrie> {
    const { tokenizer, vocabularyWidth } = this.#options;
    const decoder = new TextDecoder();
    const building = buildTrie(vocabularyWidth, (tokenId) => {
      const bytes = tokenizer.tokenBytes(tokenId);
      // Special tokens are no text, but for the marks of reasoning, which some vocabularies have as such.
      return tokenizer.isSpecial(tokenId) && !marks.includes(decoder.decode(bytes)) ? null : bytes;
    });
    for (;;) {
      const { done, value } = building.next();
      if (done === true) {
        this.#numTrieBytes += trieBytes(value);
        return value;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** The prompt may have opened the reasoning, or closed it already. */
function reasoningAllowed({ reasoning }: OutputConstraint, promptEnd: string): ReasoningAllowed | null {
  if (reasoning === null) return null;
  const end = promptEnd.slice(-promptEndLength).trimEnd();
  if (end.endsWith(reasoning.close)) return null;
  return { close: reasoning.close, open: end.endsWith(reasoning.open) ? null : reasoning.open };
}

/** A sentence behind a colon, without its stop. */
function asClause(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, "");
}
