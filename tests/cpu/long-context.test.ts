import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LoadedModel } from "../../src/backend/backend.ts";
import type { CpuLimits } from "../../src/backend/cpu/footprint/index.ts";
import { tokensPerPartition } from "../../src/backend/testing/index.ts";
import { blocksOfLength, type KvDtype } from "../../src/core/kv-layout.ts";
import { seededTokens, stepSlices, tinyLimits, tinyProgram, withModel } from "./tiny-model.ts";

/** Long enough that attention of a lone sequence is cut by partitions and merged, in more than one piece for each thread. */
const numTokens = 4 * tokensPerPartition + 100;
const chunkTokens = 200;
const numLongBlocks = blocksOfLength(numTokens, tinyLimits.blockSize) + 1;
const numOthers = 31;

const program = tinyProgram("llama-gqa-rope-scaled", "int8");
const longTable = [...Array(numLongBlocks).keys()];
const tokens = seededTokens(11, numTokens, program.vocabularyWidth);

function limitsWith(kvDtype: KvDtype, numThreads: number): CpuLimits {
  const maxModelLen = numLongBlocks * tinyLimits.blockSize;
  return { ...tinyLimits, maxModelLen, numBlocks: numLongBlocks + numOthers, kvDtype, numThreads };
}

/** Logits of the last token; the prompt before it is computed in chunks, the token itself in a step with `numBeside` short sequences. */
async function lastLogits(model: LoadedModel, numBeside: number): Promise<Float32Array> {
  for (let start = 0; start < numTokens - 1; start += chunkTokens) {
    const tokenIds = tokens.slice(start, Math.min(start + chunkTokens, numTokens - 1));
    await stepSlices(model, [{ tokenIds, startPosition: start, blockTable: longTable, outputs: [] }]);
  }
  const beside = Array.from({ length: numBeside }, (_, i) => ({
    tokenIds: [i],
    startPosition: 0,
    blockTable: [numLongBlocks + i],
    outputs: [],
  }));
  const last = {
    tokenIds: tokens.slice(-1),
    startPosition: numTokens - 1,
    blockTable: longTable,
    outputs: [0],
  };
  await stepSlices(model, [...beside, last]);
  return Float32Array.from(model.logitsRow(0));
}

for (const kvDtype of ["f16", "int8", "int4"] as const)
  describe(`attention over ${numTokens} tokens, KV ${kvDtype}`, () => {
    const alone = withModel(program, limitsWith(kvDtype, 2), (model) => lastLogits(model, 0));

    it("cut among three threads, the same bits as among two", async () =>
      assert.deepEqual(
        await withModel(program, limitsWith(kvDtype, 3), (model) => lastLogits(model, 0)),
        await alone,
      ));

    it("with one thread", async () =>
      assert.deepEqual(
        await withModel(program, limitsWith(kvDtype, 1), (model) => lastLogits(model, 0)),
        await alone,
      ));

    it("in a step with 31 short sequences", async () =>
      assert.deepEqual(
        await withModel(program, limitsWith(kvDtype, 2), (model) => lastLogits(model, numOthers)),
        await alone,
      ));
  });
