import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { jobBytes, quantizedBytes, tokensPerPack } from "../footprint/workspace-layout.ts";
import { type JobValues, jobWord, type KernelName, writeJob } from "../kernels/jobs.ts";
import type { Job, Phase } from "./phase.ts";
import { privateRowPatches } from "./private-quantized-row.ts";

const sharedPlace = 4096;
const width = 64;
const words = new ArrayBuffer(8 * jobBytes);
const views = { i32: new Int32Array(words), f32: new Float32Array(words) };

function job<K extends KernelName>(index: number, kernelName: K, values: JobValues<K>): Job {
  const jobOffset = index * jobBytes;
  writeJob(views, jobOffset, kernelName, values, { start: 0, end: 0 });
  return {
    kernelName,
    kernel: () => undefined,
    jobOffset,
    i32: views.i32,
    startWord: jobOffset / 4,
    numUnits: 0,
  };
}

const phase = (split: Phase["split"], isRepeatable: boolean, ...jobs: Job[]): Phase => ({
  kind: "rows",
  split,
  jobs,
  unitMacs: 0,
  isRepeatable,
  isHeadwise: false,
  prepares: [],
  rankEnds: [],
  arenaCopy: null,
});
const quantize = job(0, "quantizeRows", { input: 64, inputStride: 256, out: sharedPlace, width });
const product = job(1, "matmulQ4", {
  ...{ input: sharedPlace, inputStride: 256, numTokens: 1, weights: 64, numRows: 8, numCols: width },
  ...{ out: 128, outStride: 32, bias: 0, scale: 1, accumulate: 0 },
});

describe("the private copies of a single quantised row", () => {
  it("are the thread's own token pack, for the job that writes it and for those that read it", () => {
    const phases = [phase("tokenRows", true, quantize), phase("rowPacks", false, product)];
    const patches = privateRowPatches(phases, 3, width);
    assert.deepEqual(
      patches.map(({ word }) => word),
      [jobWord("quantizeRows", "out"), jobBytes / 4 + jobWord("matmulQ4", "input")],
    );
    for (const patch of patches) {
      assert.equal(patch.base, sharedPlace);
      assert.equal(patch.privateOffset, sharedPlace + 3 * quantizedBytes(tokensPerPack, width));
    }
  });

  it("are the common place if one thread writes the row for all", () => {
    const phases = [phase("tokenRows", false, quantize), phase("rowPacks", false, product)];
    assert.deepEqual(privateRowPatches(phases, 3, width), []);
  });
});
