import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { StepInputs } from "../../backend/backend.ts";
import type { RequestRecord } from "../../core/generation.ts";
import { seededUniform } from "../../core/seeded-uniform.ts";
import { assertAtRest, promptOf, requestFor, scriptedEngine } from "../testing/scripted-engine.ts";
import { type SimulatedEnding, SimulatedEngine } from "./simulated-engine.ts";

/** Milliseconds of a step; the same formula for both engines. */
const stepMs = (numTokens: number, numOutputs: number): number => 3 + 0.5 * numTokens + 0.25 * numOutputs;

interface Load {
  readonly numBlocks: number;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  readonly maxStepMs: number;
  readonly numUsers: number;
  readonly expectedOutputTokens: number;
  readonly requests: readonly { readonly promptTokenIds: Int32Array; readonly numOutputTokens: number }[];
}

function loadOf(seed: number): Load {
  const uniform = seededUniform(seed);
  const between = (low: number, high: number): number => low + Math.floor(uniform() * (high - low + 1));
  const shared = promptOf(64, seed);
  const requests = Array.from({ length: 40 }, (_, i) => {
    const own = promptOf(between(1, 90), 1000 * seed + i);
    const promptTokenIds = Int32Array.from(uniform() < 0.5 ? [...shared, ...own] : own);
    return { promptTokenIds, numOutputTokens: between(1, 90) };
  });
  return {
    // The longest request takes 16 blocks; odd loads expect short outputs, and get too few blocks for what comes.
    numBlocks: seed % 2 === 0 ? between(20, 80) : between(17, 30),
    maxNumSeqs: between(1, 12),
    maxNumBatchedTokens: 16 * between(1, 8),
    maxStepMs: between(4, 60),
    numUsers: between(1, 16),
    expectedOutputTokens: seed % 2 === 0 ? 128 : 1,
    requests,
  };
}

type Ending = Pick<RequestRecord, "firstTokenMs" | "finishedMs" | "interTokenMs" | "numCachedTokens">;

/** The engine itself over the scripted model, whose clock is virtual too. */
async function runEngine(
  load: Load,
): Promise<{ endings: Ending[]; numSteps: number; numPreemptions: number }> {
  const { numBlocks, maxNumSeqs, maxNumBatchedTokens, maxStepMs } = load;
  const scripted = scriptedEngine(
    { numBlocks, maxNumSeqs, maxNumBatchedTokens: Math.max(maxNumBatchedTokens, maxNumSeqs) },
    {
      maxStepMs,
      expectedOutputTokens: load.expectedOutputTokens,
      stepMs: ({ numTokens, numOutputs }: StepInputs) => stepMs(numTokens, numOutputs),
    },
  );
  let next = 0;
  const user = async (): Promise<void> => {
    for (let request = load.requests[next++]; request !== undefined; request = load.requests[next++]) {
      const wish = requestFor([...request.promptTokenIds], { maxTokens: request.numOutputTokens });
      for await (const _ of scripted.engine.generate(wish, new AbortController().signal));
    }
  };
  await Promise.all(Array.from({ length: load.numUsers }, user));
  await assertAtRest(scripted);
  const { numSteps, numPreemptions } = scripted.engine.stats();
  return { endings: scripted.records, numSteps, numPreemptions };
}

function runSimulation(load: Load): { endings: SimulatedEnding[]; numSteps: number; numPreemptions: number } {
  const { numBlocks, maxNumSeqs, maxNumBatchedTokens, maxStepMs } = load;
  const engine = new SimulatedEngine({
    limits: {
      blockSize: 16,
      numBlocks,
      maxNumSeqs,
      maxNumBatchedTokens: Math.max(maxNumBatchedTokens, maxNumSeqs),
    },
    prefixCaching: true,
    maxStepMs,
    sharedPrefixTokens: 512,
    expectedOutputTokens: load.expectedOutputTokens,
    stepMs: ({ numTokens, numOutputs }) => stepMs(numTokens, numOutputs),
  });
  const endings: SimulatedEnding[] = [];
  let next = 0;
  const submitNext = (): void => {
    const request = load.requests[next++];
    if (request !== undefined) engine.submit(request, engine.nowMs);
  };
  for (let i = 0; i < load.numUsers; i++) submitNext();
  while (engine.hasWork)
    engine.step((ending) => {
      endings.push(ending);
      submitNext();
    });
  return { endings, numSteps: engine.numSteps, numPreemptions: engine.numPreemptions };
}

const timesOf = ({ firstTokenMs, finishedMs, interTokenMs, numCachedTokens }: Ending): unknown => ({
  firstTokenMs,
  finishedMs,
  interTokenMs: [...interTokenMs],
  numCachedTokens,
});

describe("the simulated engine", () => {
  let numPreempted = 0;
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`takes the steps of the real one, load ${seed}`, async () => {
      const load = loadOf(seed);
      const real = await runEngine(load);
      const simulated = runSimulation(load);
      assert.equal(simulated.endings.length, load.requests.length);
      assert.deepEqual([simulated.numSteps, simulated.numPreemptions], [real.numSteps, real.numPreemptions]);
      assert.deepEqual(simulated.endings.map(timesOf), real.endings.map(timesOf));
      numPreempted += real.numPreemptions;
    });
  }

  it("was compared under preemption too", () => {
    assert.ok(numPreempted > 0);
  });
});
