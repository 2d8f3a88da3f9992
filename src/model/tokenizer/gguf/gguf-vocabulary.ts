/** @module The `tokenizer.ggml.*` fields of a GGUF file, each checked for its kind. */

import { PagodaError } from "../../../core/errors.ts";
import { damagedGguf } from "../../files/damage-hints.ts";
import type { GgufValue } from "../../weights/gguf.ts";
import type { AddedToken } from "../added-tokens.ts";
import { endTokensOf } from "./end-tokens.ts";

/** Values of `tokenizer.ggml.token_type`, from llama.cpp's `llama_token_type`. */
const tokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Ids that llama.cpp takes where a SentencePiece file names none. */
const sentencePieceIds: Readonly<Record<string, number>> = {
  bos_token_id: 1,
  eos_token_id: 2,
  unknown_token_id: 0,
};

/** Tokens of Phi-3 that keep the white space after them; its other marks swallow it. */
const phi3KeepsSpace: ReadonlySet<string> = new Set(["<unk>", "<s>", "<|endoftext|>"]);

export class GgufVocabulary {
  readonly path: string;
  readonly model: string;
  readonly pieces: readonly string[];
  readonly idOfPiece: ReadonlyMap<string, number>;
  /** Oddities of the file that were read all the same, as notes for the log. */
  readonly notes: string[] = [];
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly endIds: readonly number[];
  readonly #metadata: ReadonlyMap<string, GgufValue>;
  readonly #kinds: Uint8Array;

  constructor(metadata: ReadonlyMap<string, GgufValue>, path: string) {
    this.#metadata = metadata;
    this.path = path;
    this.model = this.text("model") ?? this.#missing("model");
    this.pieces = this.texts("tokens") ?? this.#missing("tokens");
    this.idOfPiece = firstIdOfEach(this.pieces);
    this.#kinds = Uint8Array.from(this.#perToken("token_type") ?? this.pieces.map(() => tokenKind.normal));
    this.bosId = this.id("bos_token_id") ?? null;
    this.eosId = this.id("eos_token_id") ?? null;
    this.endIds = this.#findEnds();
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

  /** A token id inside the vocabulary; one outside is noted, and what llama.cpp takes instead stands for it. */
  id(field: string): number | undefined {
    const value = this.#value(field);
    const fallback = this.model === "llama" ? sentencePieceIds[field] : undefined;
    const byDefault = fallback !== undefined && fallback < this.pieces.length ? fallback : undefined;
    if (value === undefined) return byDefault;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0)
      throw this.#wrongKind(field, "a token id");
    if (value < this.pieces.length) return value;
    const instead = byDefault === undefined ? "" : `, ${byDefault} stands for it`;
    this.notes.push(
      `tokenizer.ggml.${field} ${value} is ignored, the vocabulary has ${this.pieces.length} tokens${instead}`,
    );
    return byDefault;
  }

  scores(): Float32Array {
    return Float32Array.from(this.#perToken("scores") ?? new Float32Array(this.pieces.length));
  }

  merges(): readonly string[] {
    const merges = this.texts("merges") ?? [];
    if (merges.length > 0) return merges;
    throw new PagodaError(
      "model_invalid",
      `${this.path} has no tokenizer.ggml.merges: every letter would become a token of its own.`,
      { hint: "Convert the model again with its tokenizer." },
    );
  }

  /** Control, unknown and user-defined tokens. */
  addedTokens(): readonly AddedToken[] {
    // The format has no place for it; llama.cpp goes by the model's name too.
    const swallowsSpace = /phi-?3/i.test(String(this.#metadata.get("general.name") ?? ""));
    return this.pieces.flatMap((piece, id) => {
      const kind = this.#kinds[id];
      const special = kind === tokenKind.control || kind === tokenKind.unknown;
      if (!special && kind !== tokenKind.userDefined) return [];
      const rstrip = swallowsSpace && !phi3KeepsSpace.has(piece);
      return [{ id, content: piece, special, singleWord: false, lstrip: false, rstrip, normalized: false }];
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
    const { bosId, eosId } = this;
    const addsBos = this.flag("add_bos_token") ?? defaults.addsBos;
    const addsEos = this.flag("add_eos_token") ?? defaults.addsEos;
    return {
      bosId,
      eosIds: this.endIds,
      prefixIds: addsBos && bosId !== null ? [bosId] : [],
      suffixIds: addsEos && eosId !== null ? [eosId] : [],
    };
  }

  /** Tokens that end a text are control tokens, even if the file types them otherwise. */
  #findEnds(): readonly number[] {
    const { ids, mistyped } = endTokensOf(
      {
        idOf: (text) => this.idOfPiece.get(text),
        isControl: (id) => this.#kinds[id] === tokenKind.control,
        named: (field) => this.id(field),
      },
      this.eosId,
    );
    for (const id of mistyped) {
      this.#kinds[id] = tokenKind.control;
      this.notes.push(
        `the token ${this.pieces[id]} ends a text, although the file types it as ordinary text`,
      );
    }
    return ids;
  }

  #perToken(field: string): ArrayLike<number> | undefined {
    const value = this.#value(field);
    if (value === undefined) return undefined;
    if (!ArrayBuffer.isView(value)) throw this.#wrongKind(field, "a list of numbers");
    if (value.length === this.pieces.length) return value;
    throw new PagodaError(
      "model_invalid",
      `${this.path}: tokenizer.ggml.${field} has ${value.length} entries for ${this.pieces.length} tokens.`,
      { hint: damagedGguf },
    );
  }

  #value(field: string): GgufValue | undefined {
    return this.#metadata.get(`tokenizer.ggml.${field}`);
  }

  #missing(field: string): never {
    throw new PagodaError("model_invalid", `${this.path} has no tokenizer.ggml.${field}.`, {
      hint: "Convert the model again with its tokenizer.",
    });
  }

  #wrongKind(field: string, wanted: string): PagodaError {
    return new PagodaError("model_invalid", `${this.path}: tokenizer.ggml.${field} is not ${wanted}.`, {
      hint: damagedGguf,
    });
  }
}

/** A text listed twice keeps its first id: written last to first, each text once. */
function firstIdOfEach(pieces: readonly string[]): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (let id = pieces.length - 1; id >= 0; id--) ids.set(pieces[id] ?? "", id);
  return ids;
}
