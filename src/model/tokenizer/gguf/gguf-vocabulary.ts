/** @module The `tokenizer.ggml.*` fields of a GGUF file, each checked for its kind. */
import { PagodaError } from "../../../core/errors.ts";
import type { GgufValue } from "../../weights/gguf.ts";
import type { AddedToken } from "../added-tokens.ts";

/** Values of `tokenizer.ggml.token_type`, from llama.cpp's `llama_token_type`. */
const tokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Control tokens that end a turn, under the names that the model families give them. */
const endNames: ReadonlySet<string> = new Set([
  "<|im_end|>",
  "<|eot_id|>",
  "<|eom_id|>",
  "<|end|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<|end_of_text|>",
]);

export class GgufVocabulary {
  readonly path: string;
  readonly model: string;
  readonly pieces: readonly string[];
  readonly idOfPiece: ReadonlyMap<string, number>;
  readonly #metadata: ReadonlyMap<string, GgufValue>;
  readonly #kinds: ArrayLike<number>;

  constructor(metadata: ReadonlyMap<string, GgufValue>, path: string) {
    this.#metadata = metadata;
    this.path = path;
    this.model = this.text("model") ?? this.#missing("model");
    this.pieces = this.texts("tokens") ?? this.#missing("tokens");
    this.idOfPiece = firstIdOfEach(this.pieces);
    this.#kinds = this.#perToken("token_type") ?? new Uint8Array(this.pieces.length).fill(tokenKind.normal);
  }

  text(field: string): string | undefined {
    const value = this.#value(field);
    if (value === undefined || typeof value === "string") return value;
    throw this.#wrongKind(field, "a text");
  }

  flag(field: string): boolean | undefined {
    const value = this.#value(field);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.#wrongKind(field, "true or false");
  }

  texts(field: string): readonly string[] | undefined {
    const value = this.#value(field);
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.every((item): item is string => typeof item === "string")) return value;
    throw this.#wrongKind(field, "a list of texts");
  }

  /** A token id inside the vocabulary. */
  id(field: string): number | undefined {
    const value = this.#value(field);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < this.pieces.length)
      return value;
    throw this.#wrongKind(field, `an id below ${this.pieces.length}`);
  }

  scores(): Float32Array {
    const scores = this.#perToken("scores") ?? this.#missing("scores");
    return Float32Array.from(scores);
  }

  /** Control, unknown and user-defined tokens. */
  addedTokens(): readonly AddedToken[] {
    return this.pieces.flatMap((piece, id) => {
      const kind = this.#kinds[id];
      const special = kind === tokenKind.control || kind === tokenKind.unknown;
      if (!special && kind !== tokenKind.userDefined) return [];
      const plain = { singleWord: false, lstrip: false, rstrip: false, normalized: false };
      return [{ id, content: piece, special, ...plain }];
    });
  }

  /** Ids by text of the tokens that ordinary text may become. */
  idsOfText(): ReadonlyMap<string, number> {
    const isText = (id: number) =>
      this.#kinds[id] === tokenKind.normal || this.#kinds[id] === tokenKind.userDefined;
    return new Map([...this.idOfPiece].filter(([, id]) => isText(id)));
  }

  /** What is put around a text, and what begins and ends one. */
  surroundings(defaults: { readonly addsBos: boolean; readonly addsEos: boolean }) {
    const bosId = this.id("bos_token_id") ?? null;
    const eosId = this.id("eos_token_id") ?? null;
    const addsBos = this.flag("add_bos_token") ?? defaults.addsBos;
    const addsEos = this.flag("add_eos_token") ?? defaults.addsEos;
    return {
      bosId,
      eosIds: this.#endIds(eosId),
      prefixIds: addsBos && bosId !== null ? [bosId] : [],
      suffixIds: addsEos && eosId !== null ? [eosId] : [],
    };
  }

  #endIds(eosId: number | null): readonly number[] {
    const named = [...endNames]
      .map((name) => this.idOfPiece.get(name))
      .filter((id) => id !== undefined && this.#kinds[id] === tokenKind.control);
    const ids = [eosId, this.id("eot_token_id"), this.id("eom_token_id"), ...named];
    return [...new Set(ids.filter((id): id is number => typeof id === "number"))];
  }

  #perToken(field: string): ArrayLike<number> | undefined {
    const value = this.#value(field);
    if (value === undefined) return undefined;
    if (!ArrayBuffer.isView(value)) throw this.#wrongKind(field, "a list of numbers");
    if (value.length === this.pieces.length) return value;
    throw new PagodaError(
      "model_invalid",
      `${this.path}: tokenizer.ggml.${field} has ${value.length} entries for ${this.pieces.length} tokens`,
    );
  }

  #value(field: string): GgufValue | undefined {
    return this.#metadata.get(`tokenizer.ggml.${field}`);
  }

  #missing(field: string): never {
    throw new PagodaError("model_invalid", `${this.path} has no tokenizer.ggml.${field}`, {
      hint: "Convert the model again with its tokenizer.",
    });
  }

  #wrongKind(field: string, wanted: string): PagodaError {
    return new PagodaError("model_invalid", `${this.path}: tokenizer.ggml.${field} is not ${wanted}`);
  }
}

/** A text listed twice keeps its first id: written last to first, each text once. */
function firstIdOfEach(pieces: readonly string[]): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (let id = pieces.length - 1; id >= 0; id--) ids.set(pieces[id] ?? "", id);
  return ids;
}
