/**
 * @module A forward pass as ggml reserves memory for it: operations in order, the tensors they read, and how long each
 * lives. A view is read like its tensor, but never overwritten; weights and cache lie in buffers of their own and do not appear.
 */
import { type Alignment, FreeList } from "./free-list.ts";

/** Where a tensor lies: in the memory of the processors, or of a card. */
export type Place = "host" | "card";

export interface Tensor {
  readonly bytes: number;
  readonly place: Place;
  /** The tensor of which this is another view; null: it has memory of its own. */
  readonly base: Tensor | null;
}

interface Operation {
  readonly result: Tensor;
  readonly sources: readonly Tensor[];
  /** The result may take the place of a source of equal size that nothing else reads (`ggml_op_can_inplace`). */
  readonly reuses: boolean;
}

function baseOf(tensor: Tensor): Tensor {
  return tensor.base ?? tensor;
}

export interface ReservedBytes {
  readonly host: number;
  readonly card: number;
}

export class ComputeGraph {
  readonly #operations: Operation[] = [];
  readonly #inputs: Tensor[] = [];
  readonly #kept = new Set<Tensor>();
  #place: Place;
  /** Index of the first operation since the place changed: what is copied there is copied in front of it. */
  #splitStart = 0;

  /** @param place where operations run from here on. */
  constructor(place: Place) {
    this.#place = place;
  }

  /** Operations that follow run there. */
  runOn(place: Place): void {
    if (place === this.#place) return;
    this.#place = place;
    this.#splitStart = this.#operations.length;
  }

  /** What is written from outside before each pass; lies in the memory of the processors. */
  input(bytes: number): Tensor {
    const tensor: Tensor = { bytes, place: "host", base: null };
    this.#inputs.push(tensor);
    return tensor;
  }

  /** Another shape, or a part, of a tensor. */
  view(tensor: Tensor): Tensor {
    return { bytes: tensor.bytes, place: tensor.place, base: baseOf(tensor) };
  }

  /** An operation with a result of its own. */
  op(bytes: number, ...sources: readonly Tensor[]): Tensor {
    return this.#append(bytes, sources, false);
  }

  /** An operation whose result may overwrite a source. */
  inPlace(bytes: number, ...sources: readonly Tensor[]): Tensor {
    return this.#append(bytes, sources, true);
  }

  /** An operation that writes into weights or cache: it reads, and takes nothing. */
  sink(...sources: readonly Tensor[]): void {
    this.#append(0, sources, false);
  }

  /** Read after the pass: never freed, never overwritten. */
  keep(tensor: Tensor): void {
    this.#kept.add(tensor);
  }

  #append(bytes: number, sources: readonly Tensor[], reuses: boolean): Tensor {
    const result: Tensor = { bytes, place: this.#place, base: null };
    this.#operations.push({ result, sources: sources.map((source) => this.#here(source)), reuses });
    return result;
  }

  readonly #copies = new Map<Tensor, Tensor>();

  /** A source of another place is copied to this one, once, before the operations of this place begin. */
  #here(source: Tensor): Tensor {
    if (source.place === this.#place) return source;
    const known = this.#copies.get(baseOf(source));
    if (known !== undefined) return known;
    const copy: Tensor = { bytes: source.bytes, place: this.#place, base: null };
    this.#operations.splice(this.#splitStart++, 0, { result: copy, sources: [source], reuses: false });
    this.#copies.set(baseOf(source), copy);
    return copy;
  }

  /** Bytes of the buffer in each place. */
  reservedBytes(alignments: Readonly<Record<Place, Alignment>>): ReservedBytes {
    const lists = { host: new FreeList(alignments.host), card: new FreeList(alignments.card) };
    const offsets = new Map<Tensor, number>();
    const readers = new Map<Tensor, number>();
    for (const { sources } of this.#operations)
      for (const source of sources) readers.set(baseOf(source), (readers.get(baseOf(source)) ?? 0) + 1);
    for (const input of this.#inputs) offsets.set(input, lists[input.place].take(input.bytes));
    for (const { result, sources, reuses } of this.#operations) {
      const heir = reuses ? this.#overwritten(result, sources, readers, offsets) : undefined;
      const offset = heir === undefined ? null : offsets.get(heir);
      if (heir !== undefined) offsets.delete(heir);
      if (result.bytes > 0) offsets.set(result, offset ?? lists[result.place].take(result.bytes));
      for (const source of sources) this.#release(baseOf(source), readers, offsets, lists);
    }
    return { host: lists.host.highestBytes, card: lists.card.highestBytes };
  }

  #overwritten(
    result: Tensor,
    sources: readonly Tensor[],
    readers: ReadonlyMap<Tensor, number>,
    offsets: ReadonlyMap<Tensor, number>,
  ): Tensor | undefined {
    return sources.find(
      (source) =>
        source.base === null &&
        source.bytes === result.bytes &&
        offsets.has(source) &&
        readers.get(source) === 1 &&
        !this.#kept.has(source),
    );
  }

  #release(
    source: Tensor,
    readers: Map<Tensor, number>,
    offsets: Map<Tensor, number>,
    lists: Readonly<Record<Place, FreeList>>,
  ): void {
    const left = (readers.get(source) ?? 1) - 1;
    readers.set(source, left);
    if (left > 0 || this.#kept.has(source)) return;
    const offset = offsets.get(source);
    if (offset === undefined) return;
    offsets.delete(source);
    lists[source.place].free(offset, source.bytes);
  }
}
