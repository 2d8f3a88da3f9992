import assert from "node:assert/strict";
import { test } from "node:test";
import { ScriptedModel, scriptedVocabulary } from "../testing/scripted-model.ts";
import { sequenceWith } from "../testing/sequences.ts";
import { ModelRunner } from "./model-runner.ts";
import { capacityOf, StepPlan } from "./step-plan.ts";

const limits = {
  blockSize: 16,
  numBlocks: 2,
  kvDtype: "f16",
  maxModelLen: 32,
  maxNumSeqs: 1,
  maxNumBatchedTokens: 32,
  maxLogprobs: 0,
} as const;

test("two models run the same plan, and neither run changes its sequences", async () => {
  const models = [new ScriptedModel(limits), new ScriptedModel(limits)] as const;
  const sequence = sequenceWith({ promptTokens: [1, 2, 3, 4, 5] });
  sequence.table.append(1);
  const plan = new StepPlan(capacityOf(models[0].inputs));
  plan.add({ sequence, startPosition: 0, numTokens: 5, firstScored: 0, numScored: 0, samplesToken: true });

  const tokenIds: number[] = [];
  for (const model of models) {
    const runner = new ModelRunner(model, limits.blockSize, scriptedVocabulary);
    await runner.start(plan);
    tokenIds.push(runner.results.tokenIds[0] as number);
    assert.deepEqual([sequence.numTokens, sequence.numComputed, sequence.state], [5, 0, "waiting"]);
  }
  assert.equal(tokenIds[0], tokenIds[1]);
  assert.ok((tokenIds[0] as number) >= 0 && (tokenIds[0] as number) < scriptedVocabulary);
});
