/**
 * @module Which prompt pieces each instance probably still has in its prefix cache.
 *
 * The index forgets as the instances do: each has room for as many pieces as its own KV pool holds, and what was used
 * longest ago goes first, the tail of a prompt before its head. A piece counts as present from the moment its request is
 * sent, so a burst of requests with one prefix goes to one place.
 *
 * A row of the table belongs to one piece and says, for each instance slot, when that piece was last used there (0: it is
 * not there). Nothing is allocated per request but what the lists grow by.
 */
import { invariant } from "../../../../core/errors.ts";
import { RowTable } from "./row-table.ts";

interface Instance {
  readonly capacityPieces: number;
  numPieces: number;
  readonly uses: UseList;
}

const leastRows = 1024;
/** Instances of one model behind one router. */
const mostInstances = 256;

export class PrefixIndex {
  readonly #instances: (Instance | null)[] = [];
  /** Slots in a row; grows with the instances. */
  #width = 4;
  /** [rows, width] time of the last use; 0: not there. */
  #times = new Float64Array(leastRows * this.#width);
  /** [rows] piece of each row. */
  #pieces = new Int32Array(leastRows);
  readonly #table = new RowTable(this.#pieces);
  /** Rows that have ever been used; some of them are free. */
  #numRows = 0;
  readonly #freeRows: number[] = [];
  #now = 0;

  /** Adds an instance whose pool holds `capacityPieces` pieces; returns its slot. */
  add(capacityPieces: number): number {
    const free = this.#instances.indexOf(null);
    const slot = free === -1 ? this.#instances.length : free;
    invariant(slot < mostInstances, () => `more than ${mostInstances} instances behind one router`);
    if (slot >= this.#width) this.#resize(this.#pieces.length, this.#width * 2);
    this.#instances[slot] = { capacityPieces, numPieces: 0, uses: new UseList() };
    return slot;
  }

  /** Forgets an instance: it was stopped, or its cache was reset. */
  remove(slot: number): void {
    this.#instances[slot] = null;
    for (let row = 0; row < this.#numRows; row += 1) {
      const at = row * this.#width + slot;
      if (this.#times[at] === 0) continue;
      this.#times[at] = 0;
      this.#freeIfEmpty(row);
    }
  }

  /** Pieces from the start of `chain` that each instance has, by slot. One look-up per piece, however many instances. */
  match(chain: Int32Array): number[] {
    const matched = this.#instances.map(() => 0);
    for (let depth = 0; depth < chain.length; depth += 1) {
      const row = this.#table.get(chain[depth] as number);
      if (row === -1) break;
      let isAnywhere = false;
      for (let slot = 0, at = row * this.#width; slot < matched.length; slot += 1) {
        if (matched[slot] !== depth || this.#times[at + slot] === 0) continue;
        matched[slot] = depth + 1;
        isAnywhere = true;
      }
      if (!isAnywhere) break;
    }
    return matched;
  }

  /** Books that the instance computes, or has used, the pieces of `chain`. */
  use(slot: number, chain: Int32Array): void {
    const instance = this.#instances[slot];
    invariant(instance != null, () => `no instance has slot ${slot}`);
    // Tail first: its use is older than that of the head, so it is forgotten first.
    for (let depth = Math.min(chain.length, instance.capacityPieces) - 1; depth >= 0; depth -= 1)
      this.#useOne(slot, instance, chain[depth] as number);
    while (instance.numPieces > instance.capacityPieces) this.#forgetOldest(slot, instance);
    instance.uses.compact(instance.numPieces, (row, time) => this.#times[row * this.#width + slot] === time);
  }

  /** Entries of the list of uses, live and replaced: bounded by four times the pieces. */
  numUses(slot: number): number {
    return this.#instances[slot]?.uses.length ?? 0;
  }

  /** Pieces booked for an instance. */
  numPieces(slot: number): number {
    return this.#instances[slot]?.numPieces ?? 0;
  }

  #useOne(slot: number, instance: Instance, piece: number): void {
    this.#now += 1;
    const row = this.#rowOf(piece);
    const at = row * this.#width + slot;
    if (this.#times[at] === 0) instance.numPieces += 1;
    this.#times[at] = this.#now;
    instance.uses.push(row, this.#now);
  }

  #rowOf(piece: number): number {
    const known = this.#table.get(piece);
    if (known !== -1) return known;
    const row = this.#freeRows.pop() ?? this.#numRows++;
    if (row >= this.#pieces.length) this.#resize(this.#pieces.length * 2, this.#width);
    this.#pieces[row] = piece;
    this.#table.add(row);
    return row;
  }

  /** The oldest use that no later one of the same piece has replaced. */
  #forgetOldest(slot: number, instance: Instance): void {
    for (let use = instance.uses.shift(); use !== null; use = instance.uses.shift()) {
      const at = use.row * this.#width + slot;
      if (this.#times[at] !== use.time) continue;
      this.#times[at] = 0;
      instance.numPieces -= 1;
      this.#freeIfEmpty(use.row);
      return;
    }
  }

  #freeIfEmpty(row: number): void {
    const start = row * this.#width;
    for (let at = start; at < start + this.#width; at += 1) if (this.#times[at] !== 0) return;
    this.#table.delete(row);
    this.#freeRows.push(row);
  }

  #resize(numRows: number, width: number): void {
    const times = new Float64Array(numRows * width);
    for (let row = 0; row < this.#numRows && row < this.#pieces.length; row += 1)
      times.set(this.#times.subarray(row * this.#width, (row + 1) * this.#width), row * width);
    const pieces = new Int32Array(numRows);
    pieces.set(this.#pieces);
    this.#times = times;
    this.#pieces = pieces;
    this.#table.moved(pieces);
    this.#width = width;
  }
}

/** Uses of one instance in the order of their time, oldest first. */
class UseList {
  #rows: number[] = [];
  #times: number[] = [];
  #head = 0;

  push(row: number, time: number): void {
    this.#rows.push(row);
    this.#times.push(time);
  }

  shift(): { readonly row: number; readonly time: number } | null {
    const [row, time] = [this.#rows[this.#head], this.#times[this.#head]];
    if (row === undefined || time === undefined) return null;
    this.#head += 1;
    return { row, time };
  }

  /** Once most of the list is history, keeps only the uses that no later one has replaced. */
  compact(numLive: number, isLast: (row: number, time: number) => boolean): void {
    if (this.#rows.length < 1024 + 4 * numLive) return;
    const [rows, times] = [this.#rows, this.#times];
    this.#rows = [];
    this.#times = [];
    for (let use = this.#head; use < rows.length; use += 1)
      if (isLast(rows[use] as number, times[use] as number))
        this.push(rows[use] as number, times[use] as number);
    this.#head = 0;
  }

  get length(): number {
    return this.#rows.length;
  }
}
