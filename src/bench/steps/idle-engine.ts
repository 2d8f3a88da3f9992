/** @module The real engine over a model that computes nothing: its steps cost only what the engine itself does. */
import { setTimeout as pause } from "node:timers/promises";
import type {
  BackendLimits,
  LoadedModel,
  ReleasedMemory,
  StepInputs,
  StepResults,
} from "../../backend/backend.ts";
import { allocateStep } from "../../backend/create/index.ts";
import { plainAnswers } from "../../core/answer/tools.ts";
import type { EngineObserver, GenerationRequest } from "../../core/generation.ts";
import { defaultSamplingParams } from "../../core/sampling-params.ts";
import { Engine } from "../../engine/engine.ts";

const vocabularyWidth = 64;
const letterBytes = Uint8Array.of(0x61);

/** Every token that it samples is token 0. Each step takes at least `stepMs`. */
class IdleModel implements LoadedModel {
  readonly kernels = { name: "none" };
  readonly sharedPrefixTokens = 0;
  readonly hiddenWidth = 0;
  readonly allocations = [];
  readonly inputs: StepInputs;
  readonly results: StepResults;
  readonly #logits = new Float32Array(vocabularyWidth);

  readonly #stepMs: number;
  #nextStepMs = 0;

  constructor(limits: BackendLimits, stepMs: number) {
    this.#stepMs = stepMs;
    const { inputs, results } = allocateStep(limits, vocabularyWidth);
    this.inputs = inputs;
    this.results = results;
  }

  async step(): Promise<void> {
    if (this.#stepMs === 0) return;
    const now = performance.now();
    this.#nextStepMs = Math.max(now, this.#nextStepMs + this.#stepMs);
    if (this.#nextStepMs > now) await pause(this.#nextStepMs - now);
  }

  copyBlocks(): void {
    // Blocks have no contents.
  }

  release(): ReleasedMemory {
    return { releasedBytes: 0, keptBecause: "a test" };
  }

  async restore(): Promise<void> {
    await Promise.resolve();
  }

  readHidden(): void {
    // A state of no numbers.
  }

  logitsRow(): Float32Array {
    return this.#logits;
  }

  lastStepTiming(): { totalMs: number; kernelMs: number; barrierMs: number } {
    return { totalMs: 0, kernelMs: 0, barrierMs: 0 };
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}

/** Every token is the letter "a". */
const letterTokenizer = {
  encode: () => [],
  *encodeWithPauses() {
    yield 0;
    return [];
  },
  decode: (tokenIds: readonly number[]) => "a".repeat(tokenIds.length),
  vocabularyEntry: () => "a",
  tokenBytes: () => letterBytes,
  isSpecial: () => false,
};

export function idleEngine(limits: BackendLimits, observer: EngineObserver, stepMs = 0): Engine {
  return new Engine({
    model: new IdleModel(limits, stepMs),
    limits,
    vocabularyWidth,
    bytesPerBlock: 0,
    tokenizer: letterTokenizer,
    chatTemplate: null,
    eosTokenIds: [],
    served: {
      modelId: "idle",
      root: "idle",
      maxModelLen: limits.maxModelLen,
      maxLogprobs: limits.maxLogprobs,
      defaultSampling: defaultSamplingParams,
      statedSampling: defaultSamplingParams,
      samplingOrigin: "defaults",
      maxTokensCeiling: null,
      createdUnixSeconds: 0,
      hasChatTemplate: false,
      answerFormat: plainAnswers,
      facts: null,
      features: new Set(),
      tokenizer: { specialTokens: {}, chatTemplate: null },
    },
    modelMaxLen: limits.maxModelLen,
    prefixCaching: true,
    maxStepMs: 300,
    observer,
    memory: () => ({
      kernels: "none",
      budget: {
        capBytes: null,
        deviceTotalBytes: 0,
        cap: { kind: "none", value: null, from: "default", why: "" },
        pool: { kind: "blocks", value: limits.numBlocks, from: "default", why: "" },
      },
      kvCache: { dtype: "f16", prefixCaching: true },
      components: [],
      runtimeParts: [],
      residentBytes: 0,
      peakResidentBytes: 0,
    }),
  });
}

/** A greedy request with a prompt of `numPromptTokens` tokens of its own. */
export function idleRequest(index: number, numPromptTokens: number, maxTokens: number): GenerationRequest {
  return {
    requestId: `request-${index}`,
    prompt: {
      kind: "tokens",
      tokenIds: Array.from({ length: numPromptTokens }, (_, i) => (7919 * (index + 1) + i) % vocabularyWidth),
    },
    sampling: { ...defaultSamplingParams, temperature: 0, ignoreEos: true, maxTokens },
    priority: 0,
  };
}
