/** @module A sleeping model gives its memory back to the system, and answers with the same bits when it has woken. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { mib } from "../../src/core/byte-size.ts";
import { logitsAlone, seededTokens, tinyLimits, tinyProgram, withModel } from "./tiny-model.ts";

const program = tinyProgram("llama-gqa-rope-scaled");
/** A pool of some hundred MiB, so that what it gives back shows in the size of the process. */
const limits = { ...tinyLimits, numBlocks: 16_384 };
const tokens = seededTokens(7, 40, program.vocabularyWidth);

function residentBytes(): number {
  const [, pages = "0"] = readFileSync("/proc/self/statm", "utf8").split(" ");
  return Number(pages) * 4096;
}

const skip = process.platform === "linux" ? false : "reads /proc";

for (const weights of [false, true])
  test(weights ? "pool and weights" : "the pool alone", { skip }, (t) =>
    withModel(program, limits, async (model) => {
      const before = await logitsAlone(model, tokens, 16);
      const poolBytes = model.allocations
        .filter(({ component }) => component === "kvPool")
        .reduce((sum, { numBytes }) => sum + numBytes, 0);
      assert.ok(poolBytes > 50 * mib, `${poolBytes}`);
      const awake = residentBytes();
      const { releasedBytes, keptBecause } = model.release({ weights });
      if (keptBecause !== null) return t.skip(keptBecause);
      assert.ok(releasedBytes >= poolBytes);
      // The rest of the process may grow a little meanwhile.
      assert.ok(awake - residentBytes() > 0.9 * poolBytes);
      await model.restore();
      assert.ok(residentBytes() > awake - 0.1 * poolBytes);
      assert.deepEqual(await logitsAlone(model, tokens, 16), before);
    }),
  );

test("the first step after a sleep is right, whichever step was the last one before it", { skip }, () =>
  withModel(program, tinyLimits, async (model) => {
    const expected = await logitsAlone(model, tokens, 16);
    // Steps of one token and of many have different numbers of phases.
    for (const chunkTokens of [1, 3, 40, 16]) {
      await logitsAlone(model, tokens, chunkTokens);
      model.release({ weights: true });
      await model.restore();
      assert.deepEqual(await logitsAlone(model, tokens, 16), expected, `after chunks of ${chunkTokens}`);
    }
  }),
);

test("no step runs while the memory is away", { skip }, () =>
  withModel(program, tinyLimits, async (model) => {
    model.release({ weights: true });
    await assert.rejects(logitsAlone(model, tokens, 16), /asleep/);
    await model.restore();
    await logitsAlone(model, tokens, 16);
  }),
);
