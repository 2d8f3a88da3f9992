/**
 * @module Which tokens of a GGUF vocabulary end a text.
 *
 * Besides the ids that the file names, llama.cpp ends at every token whose text is one of a list (`llama-vocab.cpp`,
 * `special_eog_ids`), whatever its type: converters have typed them as user-defined or normal, and a file may name
 * `<|endoftext|>` as its end while the template closes each turn with `<|im_end|>`.
 */

const endTexts: readonly string[] = [
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<|flush|>",
  "<|calls|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "</s>",
  "<|eom_id|>",
  "<EOT>",
  "_<EOT>",
  "[EOT]",
  "[EOS]",
  "<|end_of_text|>",
  "<end_of_utterance>",
  "<eos>",
  "<turn|>",
  "<|tool_response>",
  "<｜end▁of▁sentence｜>",
  "[e~[",
];

/** What separates files and repositories in code: nothing that an answer goes on after. One of each row. */
const separatorTexts: Readonly<Record<string, readonly string[]>> = {
  fim_pad_token_id: ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
  fim_rep_token_id: ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
  fim_sep_token_id: ["<|file_sep|>"],
};

/** Also a tag of HTML: only a file that types it as a control token means the end by it. */
const htmlTag = "</s>";

export interface EndTokens {
  /** Likeliest first. */
  readonly ids: readonly number[];
  /** Those of them that the file types as ordinary text: they are control tokens all the same. */
  readonly mistyped: readonly number[];
}

export interface TokenTexts {
  readonly idOf: (text: string) => number | undefined;
  readonly isControl: (id: number) => boolean;
  /** A field of `tokenizer.ggml.` that names a token. */
  readonly named: (field: string) => number | undefined;
}

/** `eosId` is the file's own end. */
export function endTokensOf(vocabulary: TokenTexts, eosId: number | null): EndTokens {
  const { idOf, isControl, named } = vocabulary;
  const byText = endTexts.map(idOf).filter((id) => id !== undefined && !isExcepted(id, vocabulary));
  const separators = Object.entries(separatorTexts).map(
    ([field, texts]) => named(field) ?? texts.map(idOf).find((id) => id !== undefined),
  );
  const all = [eosId, named("eot_token_id"), named("eom_token_id"), ...byText, ...separators];
  const ids = [...new Set(all.filter((id) => typeof id === "number"))];
  return { ids, mistyped: ids.filter((id) => !isControl(id)) };
}

function isExcepted(id: number, { idOf, isControl }: TokenTexts): boolean {
  if (id === idOf(htmlTag)) return !isControl(id) || idOf("<|tool_response>") !== undefined;
  if (id !== idOf("<|end|>")) return false;
  // Where a message and a whole answer end differently (gpt-oss, Solar Open), <|end|> ends a message only.
  const has = (text: string): boolean => idOf(text) !== undefined;
  return (
    (has("<|return|>") && has("<|call|>")) || (has("<|flush|>") && (has("<|call|>") || has("<|calls|>")))
  );
}
