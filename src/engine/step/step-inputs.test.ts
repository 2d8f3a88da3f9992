import assert from "node:assert/strict";
import { test } from "node:test";
import { ScriptedModel, scriptedVocabulary } from "../testing/scripted-model.ts";
import { sequenceWith } from "../testing/sequences.ts";
import { writeStepInputs } from "./step-inputs.ts";
import { capacityOf, StepPlan } from "./step-plan.ts";

const limits = {
  blockSize: 16,
  numBlocks: 1,
  kvDtype: "f16",
  maxModelLen: 16,
  maxNumSeqs: 1,
  maxNumBatchedTokens: 16,
  maxLogprobs: 0,
} as const;

/** A step of one prompt, written for a model of 64 tokens. */
function written(promptTokens: readonly number[]): readonly number[] {
  const { inputs } = new ScriptedModel(limits);
  const sequence = sequenceWith({ promptTokens });
  sequence.table.append(0);
  const plan = new StepPlan(capacityOf(inputs));
  const numTokens = promptTokens.length;
  plan.add({ sequence, startPosition: 0, numTokens, firstScored: 0, numScored: 0, samplesToken: false });
  writeStepInputs(plan, inputs, limits.blockSize, scriptedVocabulary);
  return [...inputs.tokenIds.subarray(0, numTokens)];
}

test("no token beyond the embedding's rows is written for the kernels", () => {
  assert.deepEqual(written([0, 63]), [0, 63]);
  assert.throws(() => written([0, 64]), /token 64 of a vocabulary of 64/);
  assert.throws(() => written([-1]), /token -1 of a vocabulary of 64/);
});
