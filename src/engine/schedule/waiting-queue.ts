/** @module The queue of sequences without a seat: a heap by priority, then arrival. */
import type { Sequence } from "../sequence/sequence.ts";

/** Lower priority number first, then earlier arrival, then lower index: a total order, so runs are repeatable. */
export function runsBefore(a: Sequence, b: Sequence): boolean {
  const [x, y] = [a.request.prepared, b.request.prepared];
  if (x.priority !== y.priority) return x.priority < y.priority;
  if (x.arrivalNumber !== y.arrivalNumber) return x.arrivalNumber < y.arrivalNumber;
  return a.index < b.index;
}

/** Binary heap; `push`, `pop` and `remove` are O(log n), looking at the first is O(1). */
export class WaitingQueue {
  readonly #heap: Sequence[] = [];

  get numWaiting(): number {
    return this.#heap.length;
  }

  peek(): Sequence | null {
    return this.#heap[0] ?? null;
  }

  push(sequence: Sequence): void {
    this.#heap.push(sequence);
    this.#siftUp(sequence, this.#heap.length - 1);
  }

  remove(sequence: Sequence): void {
    const index = sequence.queueIndex;
    const last = this.#heap.pop();
    sequence.queueIndex = -1;
    if (last === undefined || last === sequence) return;
    this.#siftDown(last, index);
    this.#siftUp(last, last.queueIndex);
  }

  *[Symbol.iterator](): Iterator<Sequence> {
    yield* this.#heap;
  }

  #place(sequence: Sequence, index: number): void {
    this.#heap[index] = sequence;
    sequence.queueIndex = index;
  }

  #siftUp(sequence: Sequence, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex] as Sequence;
      if (!runsBefore(sequence, parent)) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(sequence, index);
  }

  #siftDown(sequence: Sequence, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (left === undefined) break;
      const child = right !== undefined && runsBefore(right, left) ? right : left;
      if (!runsBefore(child, sequence)) break;
      const childIndex = child.queueIndex;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(sequence, index);
  }
}
