/**
 * @module The address space of one compute buffer, as ggml's graph allocator keeps it (`ggml-alloc.c`): freed ranges join
 * their neighbours; a tensor takes the tightest hole that holds it, and only without one the open end.
 */

/** Every tensor starts at a multiple of this: 32 bytes on processors, 128 on CUDA. */
export type Alignment = 32 | 128;

interface Range {
  offset: number;
  size: number;
}

export class FreeList {
  readonly #alignment: number;
  readonly #holes: Range[] = [{ offset: 0, size: Number.MAX_SAFE_INTEGER }];
  #highest = 0;

  constructor(alignment: Alignment) {
    this.#alignment = alignment;
  }

  /** Bytes up to the highest address that was ever taken. */
  get highestBytes(): number {
    return this.#highest;
  }

  #aligned(bytes: number): number {
    return Math.ceil(bytes / this.#alignment) * this.#alignment;
  }

  /** Takes a range of so many bytes; returns its offset. */
  take(bytes: number): number {
    const size = this.#aligned(bytes);
    const hole = this.#holeFor(size);
    const { offset } = hole;
    hole.offset += size;
    hole.size -= size;
    if (hole.size === 0) this.#holes.splice(this.#holes.indexOf(hole), 1);
    this.#highest = Math.max(this.#highest, offset + size);
    return offset;
  }

  /** The tightest hole before the open end, of equals the last; else the open end. */
  #holeFor(size: number): Range {
    const end = this.#holes[this.#holes.length - 1];
    let best: Range | undefined;
    for (const hole of this.#holes)
      if (hole !== end && hole.size >= size && (best === undefined || hole.size <= best.size)) best = hole;
    const found = best ?? end;
    if (found === undefined) throw new Error("The open end of a compute buffer is never used up.");
    return found;
  }

  /** Gives a range back. */
  free(offset: number, bytes: number): void {
    const size = this.#aligned(bytes);
    const at = this.#holes.findIndex((hole) => hole.offset > offset);
    const index = at === -1 ? this.#holes.length : at;
    const before = this.#holes[index - 1];
    const after = this.#holes[index];
    const range: Range = { offset, size };
    this.#holes.splice(index, 0, range);
    if (after !== undefined && range.offset + range.size === after.offset) {
      range.size += after.size;
      this.#holes.splice(index + 1, 1);
    }
    if (before !== undefined && before.offset + before.size === range.offset) {
      before.size += range.size;
      this.#holes.splice(this.#holes.indexOf(range), 1);
    }
  }
}
