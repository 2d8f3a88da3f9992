import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sequenceWith } from "../testing/sequences.ts";
import { runsBefore, WaitingQueue } from "./waiting-queue.ts";

test("pushed, removed and popped in any order, the first is always the right one", () => {
  const step = fc.record({ priority: fc.integer({ min: -2, max: 2 }), remove: fc.option(fc.nat(50)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const queue = new WaitingQueue();
      const model: ReturnType<typeof sequenceWith>[] = [];
      for (const { priority, remove } of steps) {
        const sequence = sequenceWith({ priority });
        queue.push(sequence);
        model.push(sequence);
        const leaving = remove === null ? undefined : model[remove % model.length];
        if (leaving !== undefined) {
          queue.remove(leaving);
          model.splice(model.indexOf(leaving), 1);
        }
        model.sort((a, b) => (runsBefore(a, b) ? -1 : 1));
        assert.equal(queue.peek(), model[0] ?? null);
        assert.equal(queue.numWaiting, model.length);
      }
      for (const expected of model) {
        assert.equal(queue.peek(), expected);
        queue.remove(expected);
      }
      assert.equal(queue.peek(), null);
    }),
    { numRuns: 200, seed: 11 },
  );
});
