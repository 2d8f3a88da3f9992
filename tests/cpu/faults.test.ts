import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cpuFootprint } from "../../src/backend/cpu/footprint/index.ts";
import { createBackend } from "../../src/backend/create/index.ts";
import { PagodaError } from "../../src/core/errors.ts";
import { tinyFolder } from "../../src/model/testing/checkpoint-conformance.ts";
import { ownBlocks, seededTokens, stepSlices, tinyLimits, tinyProgram, withModel } from "./tiny-model.ts";

const checkpoint = "llama-gqa-rope-scaled";
const program = tinyProgram(checkpoint);
const tokens = seededTokens(3, 20, program.vocabularyWidth);
const slice = { tokenIds: tokens, startPosition: 0, blockTable: ownBlocks(0), outputs: [19] };
const isEngineFailure = (error: unknown): boolean =>
  error instanceof PagodaError &&
  error.code === "engine_failed" &&
  // The reason must be that of the thread that failed, even if another one ended first.
  /A compute thread died: ./.test(error.message);

describe("CPU backend: a thread that dies", () => {
  for (const numThreads of [1, 2])
    it(`rejects the step, and every later one, and closes (${numThreads} threads)`, async () => {
      const model = await (await createBackend({ name: "cpu", numThreads })).load(program, tinyLimits);
      await stepSlices(model, [slice]);
      // Storing a key beyond the end of the arena traps in the kernel and ends its thread.
      const beyond = { ...slice, blockTable: [100_000_000, 100_000_000] };
      await assert.rejects(stepSlices(model, [beyond]), isEngineFailure);
      await assert.rejects(stepSlices(model, [slice]), isEngineFailure);
      await model.close();
    });
});

describe("CPU backend: loading", () => {
  it("refuses a weight file that ends early, naming the tensor", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pagoda-weights-"));
    try {
      const path = join(folder, "model.safetensors");
      copyFileSync(join(tinyFolder, checkpoint, "model.safetensors"), path);
      truncateSync(path, statSync(path).size - 1000);
      const weights = program.weights.map((weight) => ({ ...weight, origin: { ...weight.origin, path } }));
      await assert.rejects(
        (await createBackend({ name: "cpu", numThreads: 2 })).load({ ...program, weights }, tinyLimits),
        (error: unknown) => {
          assert.ok(error instanceof PagodaError);
          assert.equal(error.code, "model_invalid");
          assert.match(error.message, /ends at byte \d+, inside the tensor/);
          return true;
        },
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("allocates what the footprint says, to the byte, and reports every stored byte", async () => {
    const progress: number[] = [];
    const model = await (await createBackend({ name: "cpu", numThreads: 2 })).load(
      program,
      tinyLimits,
      ({ loadedBytes }) => progress.push(loadedBytes),
    );
    await model.close();
    const plan = cpuFootprint(program, tinyLimits);
    for (const component of ["weights", "workspace", "kvPool", "tables"] as const) {
      const actual = model.allocations.filter((own) => own.component === component);
      const actualBytes = actual.reduce((sum, { numBytes }) => sum + numBytes, 0);
      assert.equal(actualBytes - plan.components[component], 0, component);
    }
    const totalBytes = program.weights.reduce((sum, { origin }) => sum + origin.numBytes, 0);
    assert.equal(progress.at(-1), totalBytes);
  });
});

describe("CPU backend: copy-on-write", () => {
  it("a copied block gives the same logits as the block itself", async () =>
    withModel(program, tinyLimits, async (model) => {
      await stepSlices(model, [slice]);
      const last = { tokenIds: [5], startPosition: 20, blockTable: ownBlocks(0), outputs: [0] };
      model.copyBlocks([0, 40, 1, 41]);
      await stepSlices(model, [last]);
      const expected = Float32Array.from(model.logitsRow(0));
      await stepSlices(model, [{ ...last, blockTable: [40, 41] }]);
      assert.deepEqual(Float32Array.from(model.logitsRow(0)), expected);
    }));
});
