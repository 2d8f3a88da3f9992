import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instanceFootprint } from "../../src/backend/cpu/footprint/index.ts";
import { createBackend } from "../../src/backend/create/index.ts";
import { PagodaError } from "../../src/core/errors.ts";
import { ownBlocks, seededTokens, stepSlices, tinyLimits, tinyProgram } from "./tiny-model.ts";

const program = tinyProgram("llama-gqa-rope-scaled");
const tokens = seededTokens(3, 20, program.vocabularyWidth);
const slice = { tokenIds: tokens, startPosition: 0, blockTable: ownBlocks(0), outputs: [19] };
const isEngineFailure = (error: unknown): boolean =>
  error instanceof PagodaError && /A compute thread died: ./.test(error.message);

describe("CPU backend: ranks", () => {
  for (const numThreads of [2, 4])
    it(`a thread that dies ends the step of all ranks, and every later one (${numThreads} threads)`, async () => {
      const backend = await createBackend({ name: "cpu", numThreads, numRanks: 2 });
      const model = await backend.load(program, tinyLimits);
      await stepSlices(model, [slice]);
      // Storing a key beyond the end of the arena traps in the kernel and ends its thread.
      const beyond = { ...slice, blockTable: [100_000_000, 100_000_000] };
      await assert.rejects(stepSlices(model, [beyond]), isEngineFailure);
      await assert.rejects(stepSlices(model, [slice]), isEngineFailure);
      await model.close();
    });

  for (const numRanks of [2, 3, 4])
    it(`each of ${numRanks} allocates what its footprint says, to the byte`, async () => {
      const backend = await createBackend({ name: "cpu", numThreads: numRanks, numRanks });
      const model = await backend.load(program, tinyLimits);
      await model.close();
      const plan = instanceFootprint(program, { ...tinyLimits, numThreads: numRanks }, numRanks);
      assert.equal(plan.ranks.length, numRanks);
      for (const [rank, { components }] of plan.ranks.entries())
        for (const component of ["weights", "workspace", "kvPool", "tables"] as const) {
          const own = model.allocations.filter((one) => one.rank === rank && one.component === component);
          const actualBytes = own.reduce((sum, { numBytes }) => sum + numBytes, 0);
          assert.equal(actualBytes, components[component], `rank ${rank}, ${component}`);
        }
      const actualBytes = model.allocations.reduce((sum, { numBytes }) => sum + numBytes, 0);
      assert.equal(actualBytes, plan.totalBytes, "with what all ranks use");
    });
});
