import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LoadedModel } from "../../src/backend/backend.ts";
import type { CpuLimits } from "../../src/backend/cpu/footprint/index.ts";
import { tokensPerPartition } from "../../src/backend/testing/index.ts";
import { seededTokens, stepSlices, tinyLimits, tinyProgram, withModel } from "./tiny-model.ts";

const numSequences = 12;
const numSharedTokens = 2 * tokensPerPartition;
const numSharedBlocks = numSharedTokens / tinyLimits.blockSize;
const numOwnBlocks = 4;
const chunkTokens = 256;

const program = tinyProgram("llama-gqa-rope-scaled", "int8");
const prefix = seededTokens(5, numSharedTokens, program.vocabularyWidth);
/** The continuation of each sequence: 1 to 45 tokens. */
const endings = Array.from({ length: numSequences }, (_, i) =>
  seededTokens(50 + i, 1 + 4 * i, program.vocabularyWidth),
);

const tableOf = (sequence: number): number[] => [
  ...Array(numSharedBlocks).keys(),
  ...Array.from({ length: numOwnBlocks }, (_, i) => numSharedBlocks + sequence * numOwnBlocks + i),
];

function limitsWith(kvDtype: CpuLimits["kvDtype"], numThreads: number): CpuLimits {
  const maxModelLen = (numSharedBlocks + numOwnBlocks) * tinyLimits.blockSize;
  const numBlocks = numSharedBlocks + numSequences * numOwnBlocks;
  return { ...tinyLimits, maxModelLen, numBlocks, kvDtype, numThreads };
}

/** Logits of every sequence's last token, with `numTogether` sequences to a step. */
async function lastLogits(model: LoadedModel, numTogether: number): Promise<Float32Array[]> {
  const run = (sequence: number, tokenIds: readonly number[], startPosition: number) =>
    stepSlices(model, [{ tokenIds, startPosition, blockTable: tableOf(sequence), outputs: [] }]);
  for (let start = 0; start < numSharedTokens; start += chunkTokens)
    await run(0, prefix.slice(start, start + chunkTokens), start);
  for (const [sequence, ending] of endings.entries())
    if (ending.length > 1) await run(sequence, ending.slice(0, -1), numSharedTokens);
  const logits: Float32Array[] = [];
  for (let first = 0; first < numSequences; first += numTogether) {
    const together = endings.slice(first, first + numTogether);
    await stepSlices(
      model,
      together.map((ending, i) => ({
        tokenIds: ending.slice(-1),
        startPosition: numSharedTokens + ending.length - 1,
        blockTable: tableOf(first + i),
        outputs: [0],
      })),
    );
    for (const i of together.keys()) logits.push(Float32Array.from(model.logitsRow(i)));
  }
  return logits;
}

for (const kvDtype of ["f16", "int8", "int4"] as const)
  describe(`${numSequences} sequences that share ${numSharedTokens} tokens, KV ${kvDtype}`, () => {
    const alone = withModel(program, limitsWith(kvDtype, 2), (model) => lastLogits(model, 1));

    for (const numThreads of [1, 2])
      it(`together, with ${numThreads} threads: the same bits as one by one`, async () =>
        assert.deepEqual(
          await withModel(program, limitsWith(kvDtype, numThreads), (model) =>
            lastLogits(model, numSequences),
          ),
          await alone,
        ));
  });
