import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Program } from "../../src/backend/backend.ts";
import { type CpuLimits, cpuFootprint } from "../../src/backend/cpu/footprint/index.ts";
import type { KvDtype } from "../../src/core/kv-layout.ts";
import {
  logitsAlone,
  ownBlocks,
  seededTokens,
  stepSlices,
  tinyLimits,
  tinyProgram,
  withModel,
} from "./tiny-model.ts";

const numTokens = 45;

/** Models whose bits would change if a sum had another order: weights, KV dtypes, windows, odd head counts. */
const cases: readonly { checkpoint: string; quantization: "int4" | "int8" | null; kvDtype: KvDtype }[] = [
  { checkpoint: "llama-gqa-rope-scaled", quantization: null, kvDtype: "f16" },
  { checkpoint: "llama-gqa-rope-scaled", quantization: "int4", kvDtype: "int8" },
  { checkpoint: "llama-tied-odd-heads", quantization: "int8", kvDtype: "f16" },
  { checkpoint: "mistral-sliding-window", quantization: "int4", kvDtype: "f16" },
  { checkpoint: "gemma2", quantization: "int8", kvDtype: "int4" },
];

for (const { checkpoint, quantization, kvDtype } of cases)
  describe(`batch invariance: ${checkpoint}, weights ${quantization ?? "float"}, KV ${kvDtype}`, () => {
    const program = tinyProgram(checkpoint, quantization);
    const limits: CpuLimits = { ...tinyLimits, kvDtype };
    const tokens = seededTokens(7, numTokens, program.vocabularyWidth);
    const alone = withModel(program, limits, (model) => logitsAlone(model, tokens, numTokens));

    for (const chunkTokens of [1, 7, 16])
      it(`a prompt in chunks of ${chunkTokens}`, async () =>
        assert.deepEqual(
          await withModel(program, limits, (model) => logitsAlone(model, tokens, chunkTokens)),
          await alone,
        ));

    it("in a batch of 32", async () =>
      assert.deepEqual(await logitsInBatch(program, limits, tokens), await alone));

    it("with one thread", async () =>
      assert.deepEqual(
        await withModel(program, { ...limits, numThreads: 1 }, (model) =>
          logitsAlone(model, tokens, numTokens),
        ),
        await alone,
      ));

    it("spread over three arenas or more", async () => {
      const arenaLimitBytes = limitForArenas(program, limits, 3);
      const spread = await withModel(program, limits, (model) => logitsAlone(model, tokens, 16), {
        arenaLimitBytes,
      });
      assert.deepEqual(spread, await alone);
    });
  });

/** The sequence as the last of 32 with different lengths, decoded together after their own prompts. */
async function logitsInBatch(
  program: Program,
  limits: CpuLimits,
  tokens: readonly number[],
): Promise<Float32Array> {
  return withModel(program, limits, async (model) => {
    const others = [...Array(31).keys()].map((i) => seededTokens(100 + i, 2 + i, program.vocabularyWidth));
    const sequences = [...others, tokens];
    for (const [sequence, own] of sequences.entries())
      await stepSlices(model, [
        { tokenIds: own.slice(0, -1), startPosition: 0, blockTable: ownBlocks(sequence), outputs: [] },
      ]);
    await stepSlices(
      model,
      sequences.map((own, sequence) => ({
        tokenIds: own.slice(-1),
        startPosition: own.length - 1,
        blockTable: ownBlocks(sequence),
        outputs: [0],
      })),
    );
    return Float32Array.from(model.logitsRow(31));
  });
}

/** A limit for one arena under which the model needs at least `numArenas` of them. */
function limitForArenas(program: Program, limits: CpuLimits, numArenas: number): number {
  let limitBytes = cpuFootprint(program, limits).totalBytes;
  const needed = (): number => cpuFootprint(program, limits, limitBytes).arenaBytes.length;
  while (needed() < numArenas) limitBytes -= 65_536;

  return limitBytes;
}
