import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { LoadedModel } from "../../src/backend/backend.ts";
import { createBackend } from "../../src/backend/create/index.ts";
import { writeSlices } from "../../src/backend/testing/index.ts";
import { skipWithoutRealModel } from "../../src/model/testing/fixtures.ts";
import { smollm2Limits, smollm2Program } from "./smollm2-model.ts";

/** Reference text of Hugging Face transformers in float32; margin: best less second-best logit of the step. */
interface Chat {
  readonly prompt_ids: readonly number[];
  readonly output_ids: readonly number[];
  readonly logit_margins: readonly number[];
}

/** If the margin is smaller, 8-bit activations may choose another token than the reference. */
const smallMargin = 0.25;

test("SmolLM2 Q4_1: greedy chats equal the reference's up to a step of small margin", {
  skip: skipWithoutRealModel,
}, async (t) => {
  const chats: Chat[] = JSON.parse(
    readFileSync(new URL("../fixtures/smollm2/greedy.json", import.meta.url), "utf8"),
  );
  const model = await (await createBackend({ name: "cpu", numThreads: 2 })).load(
    smollm2Program(),
    smollm2Limits,
  );
  try {
    for (const [index, chat] of chats.entries()) {
      const numSame = await greedyPrefix(model, chat);
      t.diagnostic(`chat ${index}: ${numSame} of ${chat.output_ids.length} tokens the same`);
      const margin = chat.logit_margins[numSame];
      assert.ok(
        numSame === chat.output_ids.length || (margin ?? 0) < smallMargin,
        `chat ${index} leaves the reference at step ${numSame}, whose margin is ${margin}`,
      );
    }
  } finally {
    await model.close();
  }
});

test("SmolLM2 Q4_1: with the reference's text forced, the best token is the same at every clear step", {
  skip: skipWithoutRealModel,
}, async () => {
  const chats: Chat[] = JSON.parse(
    readFileSync(new URL("../fixtures/smollm2/greedy.json", import.meta.url), "utf8"),
  );
  const model = await (await createBackend({ name: "cpu", numThreads: 2 })).load(
    smollm2Program(),
    smollm2Limits,
  );
  try {
    for (const [index, chat] of chats.entries()) {
      const best = await forcedBest(model, chat);
      const wrong = chat.output_ids.flatMap((tokenId, step) =>
        best[step] !== tokenId && (chat.logit_margins[step] ?? 0) >= smallMargin ? [step] : [],
      );
      assert.deepEqual(wrong, [], `chat ${index}: other best tokens at these steps`);
    }
  } finally {
    await model.close();
  }
});

const blockTable = [...Array(512).keys()];

/** The number of greedy tokens before the first difference from the reference. */
async function greedyPrefix(model: LoadedModel, { prompt_ids, output_ids }: Chat): Promise<number> {
  let slice = { tokenIds: prompt_ids, startPosition: 0, blockTable, outputs: [prompt_ids.length - 1] };
  for (const [step, expected] of output_ids.entries()) {
    writeSlices(model.inputs, smollm2Limits.blockSize, [slice]);
    await model.step();
    const tokenId = model.results.tokenIds[0] ?? -1;
    if (tokenId !== expected) return step;
    slice = { tokenIds: [tokenId], startPosition: prompt_ids.length + step, blockTable, outputs: [0] };
  }
  return output_ids.length;
}

/** Best token at each step after the reference's own text, prompt and output computed as one chunk. */
async function forcedBest(model: LoadedModel, { prompt_ids, output_ids }: Chat): Promise<readonly number[]> {
  const tokenIds = [...prompt_ids, ...output_ids.slice(0, -1)];
  assert.ok(tokenIds.length <= smollm2Limits.maxNumBatchedTokens);
  const outputs = output_ids.map((_, step) => prompt_ids.length - 1 + step);
  writeSlices(model.inputs, smollm2Limits.blockSize, [{ tokenIds, startPosition: 0, blockTable, outputs }]);
  await model.step();
  return [...model.results.tokenIds.subarray(0, outputs.length)];
}
