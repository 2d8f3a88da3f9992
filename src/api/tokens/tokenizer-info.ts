/** @module GET /tokenizer_info, in vLLM's shape: what a harness needs that has no tokenizer of its own. */
import type { ServedModel } from "../../core/generation.ts";

export interface TokenizerInfo {
  readonly tokenizer_class: "PagodaTokenizer";
  readonly bos_token: string | null;
  readonly eos_token: string | null;
  readonly pad_token: string | null;
  readonly chat_template: string | null;
  readonly model_max_length: number;
  /** The other special tokens under their names. */
  readonly [name: `${string}_token`]: string | null;
}

export function tokenizerInfo({ tokenizer, maxModelLen }: ServedModel): TokenizerInfo {
  return {
    bos_token: null,
    eos_token: null,
    pad_token: null,
    ...tokenizer.specialTokens,
    tokenizer_class: "PagodaTokenizer",
    chat_template: tokenizer.chatTemplate,
    model_max_length: maxModelLen,
  };
}
