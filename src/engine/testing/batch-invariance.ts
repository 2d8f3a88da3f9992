/**
 * @module One suite for every backend: what a request gets does not depend on what else runs, on how its prompt is cut,
 * on the prefix cache, on being preempted, on settings that change meanwhile, or on the number of threads. Compared are all events with the log-probabilities of the whole
 * vocabulary, number by number and without a tolerance.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Backend, BackendLimits, LoadedModel, Program } from "../../backend/backend.ts";
import type { OutputConstraint } from "../../core/answer/output-constraint.ts";
import { plainAnswers } from "../../core/answer/tools.ts";
import type { KvDtype } from "../../core/kv-layout.ts";
import { defaultSamplingParams, type SamplingParams } from "../../core/sampling-params.ts";
import { buildProgram } from "../../model/architectures/build-program.ts";
import { readHuggingFaceConfig } from "../../model/config/huggingface-config.ts";
import { tinyFolder } from "../../model/testing/checkpoint-conformance.ts";
import { readSafetensorsFolder } from "../../model/weights/safetensors.ts";
import { Engine } from "../engine.ts";
import { letterTokenizer } from "./letter-tokenizer.ts";
import { assertAtRest, type Collected, collect, requestFor } from "./scripted-engine.ts";
import { Choices } from "./soak.ts";

export interface InvarianceCase {
  /** A checkpoint of tests/fixtures/tiny. */
  readonly checkpoint: string;
  readonly kvDtype: KvDtype;
}

const baseLimits = {
  blockSize: 16,
  numBlocks: 128,
  maxModelLen: 96,
  maxNumSeqs: 32,
  maxNumBatchedTokens: 64,
} as const;

/** The request whose text and numbers must not change. */
const wishes: Partial<SamplingParams> = {
  temperature: 0.9,
  topP: 0.95,
  seed: 42,
  repetitionPenalty: 1.1,
  frequencyPenalty: 0.2,
  maxTokens: 12,
};
const numPromptTokens = 41;

/** Makes a backend with this many threads; one that has no threads ignores the number. */
export type MakeBackend = (numThreads: number) => Promise<Backend>;

export function describeBatchInvariance(
  name: string,
  makeBackend: MakeBackend,
  cases: readonly InvarianceCase[],
): void {
  describe(`${name}: a request's text and logits are its own`, () => {
    for (const one of cases) {
      const title = `${one.checkpoint}, ${one.kvDtype} KV`;
      test(`${title}: alone, in a batch, in other chunks, cached, preempted`, () =>
        checkOutput(makeBackend, one, null));
      if (one === cases[0])
        test(`${title}: the same where a rule says which tokens may follow`, () =>
          checkOutput(makeBackend, one, pairs));
      test(`${title}: prompt log-probabilities in one chunk and in many`, () =>
        checkPrompt(makeBackend, one));
    }
  });
}

/** Small and capital letters by turns, after at most five small ones. */
const pairs: OutputConstraint = {
  rule: { kind: "regex", pattern: "[a-z]{1,5}([A-Z][a-z])*" },
  param: "regex",
  reasoning: null,
};

async function checkOutput(
  makeBackend: MakeBackend,
  one: InvarianceCase,
  constraint: OutputConstraint | null,
): Promise<void> {
  const program = programOf(one.checkpoint);
  const prompt = randomTokens(program, numPromptTokens, 1);
  const numLogprobs = program.vocabularyWidth;
  const request = () => ({
    ...requestFor(prompt, { ...defaultSamplingParams, ...wishes, logprobs: numLogprobs }),
    constraint,
  });
  const run = async (
    limits: Partial<BackendLimits>,
    scenario: Scenario,
    prefixCaching = true,
    numThreads = 1,
  ) =>
    withEngine(await makeBackend(numThreads), { program, one, limits, prefixCaching }, async (engine) => {
      // Compiles the rule, so that the request arrives when the scenario sends it.
      if (constraint !== null) await collect(engine, { ...requestFor([1], { maxTokens: 1 }), constraint });
      return scenario(engine);
    });

  const alone = await run({}, (engine) => collect(engine, request()), false);
  if (constraint !== null) assert.match(alone.sequences[0]?.text ?? "", /^[a-z]{1,5}([A-Z][a-z])*[A-Z]?$/);
  const same = (other: Collected, why: string): void =>
    assert.deepEqual(other.sequences, alone.sequences, why);
  const logprobsOf = (result: Collected) => result.events.filter((event) => event.type === "delta");
  const check = (other: Collected, why: string): void => {
    same(other, why);
    assert.deepEqual(logprobsOf(other), logprobsOf(alone), why);
  };

  for (const maxNumBatchedTokens of [32, 33, 41])
    check(
      await run({ maxNumBatchedTokens }, (engine) => collect(engine, request())),
      `chunks of ${maxNumBatchedTokens}`,
    );
  check(
    await run({ maxNumSeqs: 3, maxNumBatchedTokens: 5 }, (engine) => collect(engine, request())),
    "chunks of 5",
  );
  check(await run({}, (engine) => inBatch(engine, program, request())), "in a batch of 32");
  check(await run({}, (engine) => afterWarmUp(engine, prompt, request())), "through the prefix cache");
  check(await run({}, (engine) => collect(engine, request()), true, 2), "with two threads");
  check(await run({}, (engine) => whileSettingsChange(engine, program, request())), "while settings change");
  check(await run(smallPool, (engine) => preempted(engine, program, request())), "after preemption");
}

async function checkPrompt(makeBackend: MakeBackend, one: InvarianceCase): Promise<void> {
  const backend = await makeBackend(1);
  const program = programOf(one.checkpoint);
  const prompt = randomTokens(program, 60, 3);
  const score = (engine: Engine): Promise<Collected> =>
    collect(engine, requestFor(prompt, { maxTokens: 0, promptLogprobs: program.vocabularyWidth }));
  const whole = await withEngine(backend, { program, one, limits: {}, prefixCaching: false }, score);
  const limits = { maxNumSeqs: 3, maxNumBatchedTokens: 7 };
  const cut = await withEngine(backend, { program, one, limits, prefixCaching: true }, score);
  assert.deepEqual(cut.prompt.promptLogprobs, whole.prompt.promptLogprobs);
}

type Scenario = (engine: Engine) => Promise<Collected>;

/** 31 others with prompts and outputs of every length run beside it. */
async function inBatch(
  engine: Engine,
  program: Program,
  request: ReturnType<typeof requestFor>,
): Promise<Collected> {
  const others = Array.from({ length: 31 }, (_, i) =>
    collect(engine, requestFor(randomTokens(program, 1 + i, 100 + i), { maxTokens: 5 + (i % 11) })),
  );
  const result = await collect(engine, request);
  await Promise.all(others);
  return result;
}

async function afterWarmUp(
  engine: Engine,
  prompt: readonly number[],
  request: ReturnType<typeof requestFor>,
): Promise<Collected> {
  await collect(engine, requestFor(prompt, { maxTokens: 1 }));
  const result = await collect(engine, request);
  assert.equal(result.prompt.numCachedTokens, 32);
  return result;
}

/** Each of the settings is changed and changed back while it is computed and others come and go. */
async function whileSettingsChange(
  engine: Engine,
  program: Program,
  request: ReturnType<typeof requestFor>,
): Promise<Collected> {
  const others = [5, 6, 7].map((seed) =>
    collect(engine, requestFor(randomTokens(program, 14, seed), { maxTokens: 60 }, -1)),
  );
  const changes = [
    { maxNumSeqs: 2 },
    { maxNumBatchedTokens: 33, maxNumBlocks: 12 },
    { maxNumBlocks: 6, prefixCaching: false },
    { maxNumSeqs: 32, prefixCaching: true },
    { maxNumBatchedTokens: 64, maxStepMs: 1 },
    { maxNumBlocks: 128, maxModelLen: 64 },
  ];
  let isOver = false;
  const changing = async (): Promise<void> => {
    for (let i = 0; !isOver; i++) {
      await engine.changeSettings(changes[i % changes.length] ?? {});
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const changed = changing();
  const result = await collect(engine, request);
  isOver = true;
  await Promise.all([changed, ...others]);
  await engine.changeSettings(engine.settings().ceilings);
  return result;
}

const smallPool = { numBlocks: 6 } as const;

/** Two urgent requests start small and then need the blocks that it holds. */
async function preempted(
  engine: Engine,
  program: Program,
  request: ReturnType<typeof requestFor>,
): Promise<Collected> {
  const urgent = [5, 6].map((seed) =>
    collect(engine, requestFor(randomTokens(program, 14, seed), { maxTokens: 60 }, -1)),
  );
  const result = await collect(engine, request);
  // The victim is always the least urgent one that runs, so whoever was preempted so far is this request.
  assert.ok(engine.stats().numPreemptions > 0);
  await Promise.all(urgent);
  return result;
}

interface Setting {
  readonly program: Program;
  readonly one: InvarianceCase;
  readonly limits: Partial<BackendLimits>;
  readonly prefixCaching: boolean;
}

async function withEngine(backend: Backend, setting: Setting, scenario: Scenario): Promise<Collected> {
  const { program, one } = setting;
  const limits: BackendLimits = {
    ...baseLimits,
    kvDtype: one.kvDtype,
    maxLogprobs: program.vocabularyWidth,
    ...setting.limits,
  };
  const model = await backend.load(program, limits);
  try {
    const engine = engineOver(model, limits, setting);
    const result = await scenario(engine);
    await assertAtRest({ engine });
    return result;
  } finally {
    await model.close();
  }
}

function engineOver(model: LoadedModel, limits: BackendLimits, setting: Setting): Engine {
  const engine: Engine = new Engine({
    model,
    limits,
    vocabularyWidth: setting.program.vocabularyWidth,
    bytesPerBlock: 0,
    tokenizer: letterTokenizer,
    modelMaxLen: limits.maxModelLen,
    chatTemplate: null,
    eosTokenIds: [],
    served: {
      modelId: setting.one.checkpoint,
      root: setting.one.checkpoint,
      maxModelLen: limits.maxModelLen,
      maxLogprobs: limits.maxLogprobs,
      defaultSampling: defaultSamplingParams,
      statedSampling: defaultSamplingParams,
      samplingOrigin: "a test",
      maxTokensCeiling: null,
      createdUnixSeconds: 0,
      hasChatTemplate: false,
      answerFormat: plainAnswers,
      facts: null,
      features: new Set(),
      tokenizer: { specialTokens: {}, chatTemplate: null },
    },
    prefixCaching: setting.prefixCaching,
    maxStepMs: Number.MAX_SAFE_INTEGER,
    expectedOutputTokens: 1,
    observer: { requestFinished: () => undefined, stepFinished: () => engine.audit() },
    memory: () => {
      throw new RangeError("memory is not part of this suite");
    },
  });
  return engine;
}

function programOf(checkpoint: string): Program {
  const folder = join(tinyFolder, checkpoint);
  return buildProgram(readHuggingFaceConfig(folder), readSafetensorsFolder(folder), { quantization: null });
}

function randomTokens(program: Program, numTokens: number, seed: number): number[] {
  const choices = new Choices(seed);
  return Array.from({ length: numTokens }, () => choices.below(program.vocabularyWidth));
}
