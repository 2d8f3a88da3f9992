/** @module A binary heap of candidate merges in typed arrays: best priority first, then leftmost. */

export class PairQueue {
  numPairs = 0;
  #priority: Float64Array<ArrayBuffer>;
  #position: Int32Array<ArrayBuffer>;
  #left: Int32Array<ArrayBuffer>;
  #right: Int32Array<ArrayBuffer>;
  #handle: Int32Array<ArrayBuffer>;
  /** The pair that `pop` took out last. */
  readonly popped = { position: 0, left: 0, right: 0, handle: 0 };

  /** Grows beyond `capacity` pairs as needed. */
  constructor(capacity: number) {
    this.#priority = new Float64Array(capacity);
    this.#position = new Int32Array(capacity);
    this.#left = new Int32Array(capacity);
    this.#right = new Int32Array(capacity);
    this.#handle = new Int32Array(capacity);
  }

  push(priority: number, position: number, left: number, right: number, handle: number): void {
    if (this.numPairs === this.#position.length) this.#grow();
    let hole = this.numPairs++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!this.#isBefore(priority, position, parent)) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#write(hole, priority, position, left, right, handle);
  }

  /** Takes the best pair into `popped`; false where the queue is empty. */
  pop(): boolean {
    if (this.numPairs === 0) return false;
    this.popped.position = this.#position[0] ?? 0;
    this.popped.left = this.#left[0] ?? 0;
    this.popped.right = this.#right[0] ?? 0;
    this.popped.handle = this.#handle[0] ?? 0;
    this.numPairs--;
    if (this.numPairs > 0) this.#sink(this.numPairs);
    return true;
  }

  /** Moves entry `last` to the root and then down to its place. */
  #sink(last: number): void {
    const priority = this.#priority[last] ?? 0;
    const position = this.#position[last] ?? 0;
    const left = this.#left[last] ?? 0;
    const right = this.#right[last] ?? 0;
    const handle = this.#handle[last] ?? 0;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= this.numPairs) break;
      if (
        child + 1 < this.numPairs &&
        this.#isBefore(this.#priority[child + 1] ?? 0, this.#position[child + 1] ?? 0, child)
      )
        child++;
      if (this.#isBefore(priority, position, child)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#write(hole, priority, position, left, right, handle);
  }

  #isBefore(priority: number, position: number, other: number): boolean {
    const otherPriority = this.#priority[other] ?? 0;
    return (
      priority < otherPriority || (priority === otherPriority && position < (this.#position[other] ?? 0))
    );
  }

  #move(from: number, to: number): void {
    this.#write(
      to,
      this.#priority[from] ?? 0,
      this.#position[from] ?? 0,
      this.#left[from] ?? 0,
      this.#right[from] ?? 0,
      this.#handle[from] ?? 0,
    );
  }

  #write(at: number, priority: number, position: number, left: number, right: number, handle: number): void {
    this.#priority[at] = priority;
    this.#position[at] = position;
    this.#left[at] = left;
    this.#right[at] = right;
    this.#handle[at] = handle;
  }

  #grow(): void {
    const numEntries = this.#position.length * 2;
    const wider = new Float64Array(numEntries);
    wider.set(this.#priority);
    this.#priority = wider;
    this.#position = grown(this.#position, numEntries);
    this.#left = grown(this.#left, numEntries);
    this.#right = grown(this.#right, numEntries);
    this.#handle = grown(this.#handle, numEntries);
  }
}

function grown(array: Int32Array<ArrayBuffer>, numEntries: number): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(numEntries);
  wider.set(array);
  return wider;
}
