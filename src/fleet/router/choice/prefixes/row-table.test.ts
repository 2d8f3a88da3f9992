import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RowTable } from "./row-table.ts";

test("a table and a Map agree after any additions and deletions, with many pieces at one address", () => {
  const step = fc.record({ isAdded: fc.boolean(), piece: fc.integer({ min: 0, max: 40 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const pieces = new Int32Array(64);
      const [table, plain] = [new RowTable(pieces), new Map<number, number>()];
      for (const { isAdded, piece: digit } of steps) {
        // 41 pieces at 3 addresses at the end of the table, so that they run over it.
        const piece = Math.floor(digit / 3) * 65_536 + 2045 + (digit % 3);
        const row = plain.get(piece);
        if (isAdded && row === undefined) {
          pieces[digit] = piece;
          table.add(digit);
          plain.set(piece, digit);
        } else if (!isAdded && row !== undefined) {
          table.delete(row);
          plain.delete(piece);
        }
        assert.equal(table.size, plain.size);
        for (let other = 0; other <= 40; other += 1) {
          const asked = Math.floor(other / 3) * 65_536 + 2045 + (other % 3);
          assert.equal(table.get(asked), plain.get(asked) ?? -1);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test("it grows, and negative pieces are found", () => {
  const pieces = Int32Array.from({ length: 5000 }, (_, row) => Math.imul(row + 1, -1_640_531_527));
  const table = new RowTable(pieces);
  for (let row = 0; row < pieces.length; row += 1) table.add(row);
  assert.ok(pieces.every((piece, row) => table.get(piece) === row));
  assert.equal(table.get(7), -1);
});
