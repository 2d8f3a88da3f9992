import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PrefixIndex } from "./prefix-index.ts";
import { pieceBytes, pieceChain } from "./prompt-pieces.ts";

const text = (letter: string, numPieces: number): string => letter.repeat(numPieces * pieceBytes);

test("a chain agrees with another's as far as their texts do, and no further", () => {
  const long = pieceChain([text("a", 3) + text("b", 3)]);
  const other = pieceChain([text("a", 3) + text("c", 3)]);
  assert.equal(long.length, 6);
  assert.deepEqual(long.slice(0, 3), other.slice(0, 3));
  assert.ok(long.slice(3).every((piece, i) => piece !== other[3 + i]));
  // The same text later in a prompt is another prefix.
  assert.notEqual(pieceChain([text("a", 1) + text("b", 1)])[1], pieceChain([text("b", 1)])[0]);
});

test("where a part ends is part of the prompt", () => {
  const padded = text("x", 2);
  assert.notDeepEqual(pieceChain(["ab", `c${padded}`]), pieceChain(["a", `bc${padded}`]));
});

test("text outside Latin, emoji and half surrogates give chains as long as their UTF-8", () => {
  const chinese = "模".repeat(1000);
  assert.equal(pieceChain([chinese]).length, Math.floor(3001 / pieceBytes));
  assert.equal(pieceChain(["😀".repeat(200)]).length, Math.floor(801 / pieceBytes));
  assert.doesNotThrow(() => pieceChain(["\ud800".repeat(900)]));
});

test("a megabyte of prompt is looked at up to a limit", () => {
  assert.equal(pieceChain(["y".repeat(2 ** 20)]).length, (512 * 1024) / pieceBytes);
});

test("an instance has what was sent to it, and the others do not", () => {
  const index = new PrefixIndex();
  const [a, b] = [index.add(100), index.add(100)];
  const chain = pieceChain([text("a", 5)]);
  index.use(a, chain);
  assert.deepEqual(index.match(chain), [5, 0]);
  index.use(b, chain.slice(0, 2));
  assert.deepEqual(index.match(chain), [5, 2]);
  index.remove(a);
  assert.deepEqual(index.match(chain), [0, 2]);
  assert.equal(index.add(10), a);
});

test("a full pool forgets what was used longest ago, the tail of a prompt before its head", () => {
  const index = new PrefixIndex();
  const slot = index.add(6);
  const [first, second] = [pieceChain([text("a", 4)]), pieceChain([text("b", 4)])];
  index.use(slot, first);
  index.use(slot, second);
  assert.equal(index.numPieces(slot), 6);
  assert.deepEqual([index.match(first), index.match(second)], [[2], [4]]);
  index.use(slot, first.slice(0, 2));
  index.use(slot, pieceChain([text("c", 3)]));
  assert.deepEqual([index.match(first), index.match(second)], [[2], [1]]);
});

test("a prompt longer than the pool keeps its head", () => {
  const index = new PrefixIndex();
  const slot = index.add(3);
  const chain = pieceChain([text("a", 9)]);
  index.use(slot, chain);
  assert.deepEqual(index.match(chain), [3]);
  assert.equal(index.numPieces(slot), 3);
});

test("a prefix that is asked for a million times costs no more memory than once", () => {
  const index = new PrefixIndex();
  const slot = index.add(1000);
  const chain = pieceChain([text("a", 10)]);
  for (let i = 0; i < 100_000; i += 1) index.use(slot, chain);
  assert.ok(index.numUses(slot) < 2000);
  assert.deepEqual(index.match(chain), [10]);
});

/** The same rules written plainly: a list of pieces in the order of their last use. */
class PlainLru {
  #pieces: number[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  use(chain: Int32Array): void {
    for (const piece of [...chain.slice(0, this.#capacity)].reverse())
      this.#pieces = [...this.#pieces.filter((other) => other !== piece), piece];
    this.#pieces = this.#pieces.slice(-this.#capacity);
  }

  match(chain: Int32Array): number {
    const missing = chain.findIndex((piece) => !this.#pieces.includes(piece));
    return missing === -1 ? chain.length : missing;
  }
}

test("index and plain list agree after any sequence of prompts", () => {
  const step = fc.record({
    slot: fc.integer({ min: 0, max: 2 }),
    path: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 8 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const capacities = [4, 9, 30];
      const index = new PrefixIndex();
      for (const capacity of capacities) index.add(capacity);
      const plain = capacities.map((capacity) => new PlainLru(capacity));
      for (const { slot, path } of steps) {
        // A chain's number stands for the whole path to it.
        const chain = Int32Array.from(path, (_, depth) =>
          path.slice(0, depth + 1).reduce((sum, digit) => sum * 4 + digit, 1),
        );
        assert.deepEqual(
          index.match(chain),
          plain.map((list) => list.match(chain)),
        );
        index.use(slot, chain);
        plain[slot]?.use(chain);
      }
    }),
    { numRuns: 200 },
  );
});
