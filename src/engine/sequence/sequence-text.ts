/** @module The text of one sequence as it grows: detokenizer and stop strings together. */
import type { SamplingParams } from "../../core/sampling-params.ts";
import type { TokenBytes } from "../request/text-tokenizer.ts";
import { Detokenizer } from "./detokenizer.ts";
import { StopStrings } from "./stop-strings.ts";

export interface TextPiece {
  readonly text: string;
  readonly matchedStop: string | null;
}

export class SequenceText {
  readonly #detokenizer: Detokenizer;
  readonly #stops: StopStrings | null;
  readonly #minTokens: number;
  #numTokens = 0;

  constructor(tokenizer: TokenBytes, sampling: SamplingParams) {
    this.#detokenizer = new Detokenizer(tokenizer, sampling.skipSpecialTokens);
    this.#stops =
      sampling.stopStrings.length === 0
        ? null
        : new StopStrings(sampling.stopStrings, sampling.includeStopString);
    this.#minTokens = sampling.minTokens;
  }

  /** Whether the text can end the sequence (stop strings), so that it must be made before the next step is planned. */
  get decidesEnd(): boolean {
    return this.#stops !== null;
  }

  /** Stop strings count only in what comes after the first `minTokens` tokens. */
  push(tokenId: number): TextPiece {
    const piece = this.#detokenizer.push(tokenId);
    this.#numTokens++;
    if (this.#stops === null || this.#numTokens <= this.#minTokens) return { text: piece, matchedStop: null };
    const { text, matched } = this.#stops.push(piece);
    return { text, matchedStop: matched };
  }

  /** The text that was held back; to be called after the last token. */
  finish(): string {
    const rest = this.#detokenizer.finish();
    if (this.#stops === null) return rest;
    return this.#stops.finish() + rest;
  }
}
