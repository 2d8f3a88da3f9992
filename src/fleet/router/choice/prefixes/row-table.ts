/**
 * @module Piece → row, as a hash table with open addresses in one array. A Map takes several times as long for the hundreds of
 * look-ups of one decision. A piece is a hash already, so its own low bits say where to look first.
 */

export class RowTable {
  /** Row + 1 at each address; 0: free. A power of two, at most half full. */
  #rows = new Int32Array(2048);
  #size = 0;
  /** [rows] piece of each row; belongs to whoever owns the rows. */
  #pieces: Int32Array;

  constructor(pieces: Int32Array) {
    this.#pieces = pieces;
  }

  get size(): number {
    return this.#size;
  }

  /** The rows have moved into another array. */
  moved(pieces: Int32Array): void {
    this.#pieces = pieces;
  }

  /** -1: it has none. */
  get(piece: number): number {
    const rows = this.#rows;
    const mask = rows.length - 1;
    for (let at = piece & mask; ; at = (at + 1) & mask) {
      const row = (rows[at] as number) - 1;
      if (row === -1 || this.#pieces[row] === piece) return row;
    }
  }

  /** The piece of `row` has no row yet. */
  add(row: number): void {
    this.#size += 1;
    if (this.#size * 2 > this.#rows.length) this.#grow();
    this.#put(row);
  }

  /** The piece of `row` has one. Those that were put behind it for its sake move up. */
  delete(row: number): void {
    const rows = this.#rows;
    const mask = rows.length - 1;
    let free = (this.#pieces[row] as number) & mask;
    while (rows[free] !== row + 1) free = (free + 1) & mask;
    this.#size -= 1;
    for (let at = (free + 1) & mask; rows[at] !== 0; at = (at + 1) & mask) {
      const home = (this.#pieces[(rows[at] as number) - 1] as number) & mask;
      // It may move to the free address unless it is at home between there and here.
      if (((at - home) & mask) < ((at - free) & mask)) continue;
      rows[free] = rows[at] as number;
      free = at;
    }
    rows[free] = 0;
  }

  #put(row: number): void {
    const mask = this.#rows.length - 1;
    let at = (this.#pieces[row] as number) & mask;
    while (this.#rows[at] !== 0) at = (at + 1) & mask;
    this.#rows[at] = row + 1;
  }

  #grow(): void {
    const old = this.#rows;
    this.#rows = new Int32Array(old.length * 2);
    for (const entry of old) if (entry !== 0) this.#put(entry - 1);
  }
}
