/**
 * @module SentencePiece's normalizer as it is compiled into a model: a trie of byte strings and the texts that replace them.
 *
 *   u32 bytes of the trie | trie: u32 units of a double array | replacements, each ended by a 0 byte
 *
 * A unit of the array (Darts-clone, github.com/s-yata/darts-clone):
 *   bits 0–7 and 31   the byte that leads here (bit 31 set: a leaf, whose other bits are its value)
 *   bit 8             a leaf hangs below
 *   bit 9             the offset counts in 256
 *   bits 10–30        offset: a child's place is this place XOR offset XOR its byte
 */
import type { Normalizer } from "../normalizer.ts";

/** Bytes of the longest group of characters that is looked up as a whole, in the `tokenizers` package and in its makers' words "weird". */
const longestGroup = 5;
/**
 * Runs of characters between which there is always a border of groups: ASCII, Latin, Greek, Cyrillic, Hebrew and Arabic
 * letters, kana, Chinese characters and Hangul syllables. Only the ends of a run may belong to a group with their neighbours.
 */
const plainRun =
  /[\x20-\x7e\xa1-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u05d0-\u05ea\u0621-\u064a\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]{3,}/g;

const utf8 = new TextEncoder();

/** null where `bytes` cannot be a compiled map. */
export function precompiledNormalizer(bytes: Uint8Array): Normalizer | null {
  const map = CharacterMap.read(bytes);
  return map === null ? null : (text) => map.normalize(text);
}

class CharacterMap {
  readonly #units: DataView;
  readonly #replacements: Uint8Array;
  /** What single characters of one UTF-16 unit become, as far as they have been asked for. */
  readonly #singles: (string | undefined)[] = [];
  readonly #groups = new Intl.Segmenter("en", { granularity: "grapheme" });

  constructor(units: DataView, replacements: Uint8Array) {
    this.#units = units;
    this.#replacements = replacements;
  }

  static read(bytes: Uint8Array): CharacterMap | null {
    if (bytes.length < 4) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const trieBytes = view.getUint32(0, true);
    if (trieBytes === 0 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length) return null;
    const units = new DataView(bytes.buffer, bytes.byteOffset + 4, trieBytes);
    return new CharacterMap(units, bytes.subarray(4 + trieBytes));
  }

  /** Inside of plain runs no groups are looked for: finding them costs a hundred times the rest. */
  normalize(text: string): string {
    let out = "";
    let from = 0;
    for (const { 0: run, index } of text.matchAll(plainRun)) {
      out += this.#grouped(text.slice(from, index + 1));
      for (let i = index + 1; i < index + run.length - 1; i++) out += this.#single(text.charCodeAt(i));
      from = index + run.length - 1;
    }
    return out + this.#grouped(text.slice(from));
  }

  /** A short group of characters is looked up as a whole, then each of its characters. */
  #grouped(text: string): string {
    let out = "";
    for (const { segment } of this.#groups.segment(text)) {
      if (segment.length === 1) {
        out += this.#single(segment.charCodeAt(0));
        continue;
      }
      const bytes = utf8.encode(segment);
      const whole = bytes.length <= longestGroup ? this.#replacement(bytes) : null;
      if (whole !== null) out += whole;
      else for (const character of segment) out += this.#character(character);
    }
    return out;
  }

  #single(code: number): string {
    const known = this.#singles[code];
    if (known !== undefined) return known;
    const replacement = this.#character(String.fromCharCode(code));
    this.#singles[code] = replacement;
    return replacement;
  }

  #character(character: string): string {
    return this.#replacement(utf8.encode(character)) ?? character;
  }

  /** What stands for the shortest beginning of `key` that the trie has: it replaces all of `key`. */
  #replacement(key: Uint8Array): string | null {
    let place = this.#child(0, 0);
    for (const byte of key) {
      if (byte === 0) return null;
      place ^= byte;
      const unit = this.#unit(place);
      if (unit === null || (unit & 0x800000ff) >>> 0 !== byte) return null;
      place = this.#child(place, place);
      if ((unit & 0x100) === 0) continue;
      const leaf = this.#unit(place);
      return leaf === null ? null : this.#textAt(leaf & 0x7fffffff);
    }
    return null;
  }

  /** Place of the children of the unit at `place`, before their byte. */
  #child(place: number, base: number): number {
    const unit = this.#unit(place) ?? 0;
    return base ^ ((unit >>> 10) << ((unit & 0x200) >>> 6));
  }

  #unit(place: number): number | null {
    const at = 4 * place;
    return at >= 0 && at < this.#units.byteLength ? this.#units.getUint32(at, true) : null;
  }

  #textAt(start: number): string | null {
    if (start > this.#replacements.length) return null;
    const end = this.#replacements.indexOf(0, start);
    const bytes = this.#replacements.subarray(start, end === -1 ? undefined : end);
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }
}
