/** @module An engine over the scripted model, and what tests ask of it. */
import assert from "node:assert/strict";
import type { BackendLimits } from "../../backend/backend.ts";
import { plainAnswers } from "../../core/answer/tools.ts";
import type { GenerationEvent, GenerationRequest, RequestRecord } from "../../core/generation.ts";
import { defaultSamplingParams, type SamplingParams } from "../../core/sampling-params.ts";
import { Engine } from "../engine.ts";
import type { EngineOptions } from "../engine-options.ts";
import { letterTokenizer, letterTokenizerEos } from "./letter-tokenizer.ts";
import {
  ScriptedModel,
  type ScriptedOptions,
  scriptedHash,
  scriptedLogits,
  scriptedVocabulary,
} from "./scripted-model.ts";

const smallLimits: BackendLimits = {
  blockSize: 16,
  numBlocks: 64,
  kvDtype: "f16",
  maxModelLen: 256,
  maxNumSeqs: 8,
  maxNumBatchedTokens: 64,
  maxLogprobs: 8,
};

export const greedy: SamplingParams = {
  ...defaultSamplingParams,
  temperature: 0,
  ignoreEos: true,
  maxTokens: 8,
};

export interface Scripted {
  readonly engine: Engine;
  readonly model: ScriptedModel;
  readonly records: RequestRecord[];
}

export function scriptedEngine(
  limits: Partial<BackendLimits> = {},
  options: Partial<EngineOptions> & ScriptedOptions = {},
): Scripted {
  const all = { ...smallLimits, ...limits };
  const model = new ScriptedModel(all, options);
  const records: RequestRecord[] = [];
  const engine = new Engine({
    model,
    limits: all,
    vocabularyWidth: scriptedVocabulary,
    bytesPerBlock: 4 * all.blockSize,
    tokenizer: letterTokenizer,
    chatTemplate: null,
    eosTokenIds: [letterTokenizerEos],
    served: {
      modelId: "scripted",
      root: "scripted",
      maxModelLen: all.maxModelLen,
      maxLogprobs: all.maxLogprobs,
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
    modelMaxLen: all.maxModelLen,
    prefixCaching: true,
    maxStepMs: 300,
    clock: () => model.nowMs,
    drawSeed: () => 1,
    observer: {
      requestFinished: (record) => records.push(record),
      // Every step of every test leaves the pool's counts consistent.
      stepFinished: () => engine.audit(),
    },
    memory: () => ({
      kernels: model.kernels.name,
      budget: {
        capBytes: null,
        deviceTotalBytes: 0,
        cap: { kind: "none", value: null, from: "default", why: "" },
        pool: { kind: "blocks", value: all.numBlocks, from: "default", why: "" },
      },
      kvCache: { dtype: "f16", prefixCaching: true },
      components: [],
      runtimeParts: [],
      residentBytes: 0,
      peakResidentBytes: 0,
    }),
    ...options,
  });
  return { engine, model, records };
}

let numRequests = 0;

export function requestFor(
  tokenIds: readonly number[],
  sampling: Partial<SamplingParams> = {},
  priority = 0,
): GenerationRequest {
  return {
    requestId: `request-${numRequests++}`,
    prompt: { kind: "tokens", tokenIds },
    sampling: { ...greedy, ...sampling },
    priority,
  };
}

/** A prompt of `numTokens` seeded tokens, letters only. */
export function promptOf(numTokens: number, seed = 1): number[] {
  return Array.from({ length: numTokens }, (_, i) => (scriptedHash([seed, i], 2) >>> 5) % 52);
}

export interface Collected {
  readonly events: GenerationEvent[];
  readonly prompt: Extract<GenerationEvent, { type: "prompt" }>;
  readonly sequences: {
    readonly tokenIds: number[];
    readonly text: string;
    readonly finished: Extract<GenerationEvent, { type: "finished" }>;
  }[];
}

/** Runs a request to its end and checks the order of its events. */
export async function collect(
  engine: Engine,
  request: GenerationRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<Collected> {
  const events: GenerationEvent[] = [];
  for await (const event of engine.generate(request, signal)) events.push(event);
  const [prompt] = events;
  assert.equal(prompt?.type, "prompt");
  const sequences = Array.from({ length: request.sampling.n }, (_, index) => sequenceOf(events, index));
  return { events, prompt, sequences };
}

function sequenceOf(events: readonly GenerationEvent[], index: number): Collected["sequences"][number] {
  const own = events.filter((event) => event.type !== "prompt" && event.index === index);
  const deltas = own.filter((event) => event.type === "delta");
  const finished = own.at(-1);
  assert.equal(finished?.type, "finished");
  assert.equal(own.length, deltas.length + 1, "exactly one ending");
  const tokenIds = deltas.flatMap((delta) => delta.tokenIds);
  assert.equal(finished.numCompletionTokens, tokenIds.length);
  return { tokenIds, text: deltas.map((delta) => delta.text).join(""), finished };
}

/** Greedy continuation computed without blocks, steps or batches. */
export function expectedGreedy(prompt: readonly number[], numTokens: number): number[] {
  const tokenIds = [...prompt];
  for (let i = 0; i < numTokens; i++) {
    const logits = scriptedLogits(scriptedHash(tokenIds, tokenIds.length));
    tokenIds.push(logits.indexOf(Math.max(...logits)));
  }
  return tokenIds.slice(prompt.length);
}

/** After every test: nothing runs, nothing waits, nothing is unread, every block is free or evictable. */
export async function assertAtRest({ engine }: Pick<Scripted, "engine">): Promise<void> {
  await engine.whenIdle();
  engine.audit();
  const blocks = engine.blockCounts();
  const stats = engine.stats();
  assert.equal(blocks.numReferenced, 0);
  assert.equal(blocks.numFree + blocks.numCached, blocks.numTotal);
  assert.deepEqual([stats.numRunning, stats.numWaiting, engine.numUnreadBytes], [0, 0, 0]);
}
