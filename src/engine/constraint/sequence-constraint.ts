/** @module Where one sequence stands in the rule for its text, and which tokens may follow. */
import { GrammarFault, type Recognizer, type State, type TokenTrie, tokenMask } from "../../grammar/index.ts";

/** What a rule needs of a tokenizer. */
export interface TokenVocabulary {
  /** The bytes a token stands for. */
  tokenBytes(tokenId: number): Uint8Array;
  isSpecial(tokenId: number): boolean;
}

/** A request's rule, compiled; its sequences share it. */
export interface CompiledConstraint {
  readonly recognizer: Recognizer;
  readonly trie: TokenTrie;
  readonly tokenizer: TokenVocabulary;
  /** The request's field, for errors. */
  readonly param: string;
}

export class SequenceConstraint {
  readonly #compiled: CompiledConstraint;
  /** null: the text went on where it must not. */
  #state: State | null;

  constructor(compiled: CompiledConstraint) {
    this.#compiled = compiled;
    this.#state = compiled.recognizer.start();
  }

  get param(): string {
    return this.#compiled.param;
  }

  /** Whether the text cannot go on and matches the rule. */
  get isComplete(): boolean {
    return this.#state?.isAccepting === true && this.#state.nodes.length === 0;
  }

  /** Whether the text, or the vocabulary, leaves no way to match the rule. */
  get isStuck(): boolean {
    return this.#state === null;
  }

  advance(tokenId: number): void {
    const { recognizer, tokenizer } = this.#compiled;
    const state = this.#state;
    if (state !== null) this.#state = orStuck(() => recognizer.advance(state, tokenizer.tokenBytes(tokenId)));
  }

  /**
   * Writes the tokens that may follow into `masks`, from word `start`; `stops` may follow where the text may end. Where none
   * may, the constraint is stuck from then on.
   */
  writeMask(masks: Int32Array, start: number, stops: Iterable<number>): void {
    const { recognizer, trie } = this.#compiled;
    if (this.#state === null) return;
    const state = recognizer.current(this.#state);
    this.#state = state;
    const mask = orStuck(() => tokenMask(recognizer, state, trie));
    if (mask === null) {
      this.#state = null;
      return;
    }
    masks.set(mask, start);
    if (state.isAccepting)
      for (const tokenId of stops)
        masks[start + (tokenId >> 5)] = (masks[start + (tokenId >> 5)] as number) | (1 << (tokenId & 31));
    for (let word = start; word < start + trie.maskWords; word++) if (masks[word] !== 0) return;
    this.#state = null;
  }
}

/** null for a text that can be read in too many ways. */
function orStuck<Result>(read: () => Result): Result | null {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof GrammarFault) return null;
    throw thrown;
  }
}
