/** @module A small deterministic generation service for tests of the door: a token is a byte, and the text is a script. */

import { plainAnswers } from "../../core/answer/tools.ts";
import { PagodaError } from "../../core/errors.ts";
import type {
  GenerationEvent,
  GenerationRequest,
  GenerationService,
  PositionLogprobs,
  Prompt,
  ServedModel,
  SleepLevel,
  SleepReport,
} from "../../core/generation.ts";
import type { MemoryReport } from "../../core/memory-report.ts";
import { type BindingLimit, bindingLimits } from "../../core/observation/binding-limit.ts";
import type { EngineObservation, SequenceFacts } from "../../core/observation/engine-observation.ts";
import type { EngineStats } from "../../core/observation/engine-stats.ts";
import type { PrefixCacheCurve } from "../../core/observation/prefix-cache-curve.ts";
import { defaultSamplingParams } from "../../core/sampling-params.ts";
import type { CeilingName, LiveSettings, LiveSettingsState } from "../../core/settings/live-settings.ts";

export interface Script {
  /** What every sequence says, up to its max_tokens. */
  readonly text: string;
  /** Awaited before each token; may throw. */
  readonly beforeToken?: (index: number) => Promise<void>;
  /** What the model is besides the usual. */
  readonly model?: Partial<ServedModel>;
}

/** A position whose likeliest tokens are the token itself and then its neighbours in the alphabet, 1 nat apart. */
function logprobsOf(tokenId: number, numTop: number): PositionLogprobs {
  const top = Array.from({ length: numTop }, (_, i) => ({
    tokenId: (tokenId + i) % 256,
    logprob: -0.5 - i,
    rank: i + 1,
  }));
  return { tokenId, logprob: -0.5, rank: 1, top };
}

const ceilings = { maxNumSeqs: 4, maxNumBatchedTokens: 16, maxModelLen: 64, maxNumBlocks: 8 };

const usualModel: ServedModel = {
  modelId: "scripted",
  root: "org/scripted",
  maxModelLen: 64,
  maxLogprobs: 4,
  defaultSampling: defaultSamplingParams,
  statedSampling: defaultSamplingParams,
  samplingOrigin: "a test",
  maxTokensCeiling: null,
  createdUnixSeconds: 1_700_000_000,
  hasChatTemplate: true,
  answerFormat: plainAnswers,
  facts: null,
  features: new Set(),
  tokenizer: { specialTokens: { eos_token: "\u0003" }, chatTemplate: "{{ messages }}" },
};

export class ScriptedService implements GenerationService {
  readonly model: ServedModel;
  /** As received, for assertions. */
  readonly requests: GenerationRequest[] = [];
  numTokensGenerated = 0;
  numEndings = 0;
  failureReason: string | null = null;
  sleepLevel: SleepLevel | null = null;
  live: LiveSettings = { ...ceilings, maxStepMs: 300, prefixCaching: true };
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
    this.model = { ...usualModel, ...script.model };
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent> {
    const tokenIds = tokenIdsOf(request.prompt);
    if (tokenIds.length > this.model.maxModelLen)
      throw new PagodaError(
        "context_length_exceeded",
        `${tokenIds.length} tokens, at most ${this.model.maxModelLen}`,
      );
    this.requests.push(request);
    const { promptLogprobs } = request.sampling;
    try {
      yield {
        type: "prompt",
        promptTokenIds: tokenIds,
        numCachedTokens: 1,
        ...(request.pooling === undefined ? {} : { pooled: new Float32Array(8).fill(tokenIds.length) }),
        promptLogprobs:
          promptLogprobs === null
            ? null
            : tokenIds.map((tokenId, i) => (i === 0 ? null : logprobsOf(tokenId, promptLogprobs))),
      };
      for (let index = 0; index < request.sampling.n; index++) yield* this.#sequence(request, index, signal);
    } finally {
      this.numEndings++;
    }
  }

  async *#sequence(
    { sampling }: GenerationRequest,
    index: number,
    signal: AbortSignal,
  ): AsyncGenerator<GenerationEvent> {
    const bytes = new TextEncoder().encode(this.#script.text);
    const numTokens = Math.min(bytes.length, sampling.maxTokens ?? bytes.length);
    for (let i = 0; i < numTokens; i++) {
      await this.#script.beforeToken?.(i);
      if (signal.aborted) return;
      const tokenId = bytes[i] ?? 0;
      this.numTokensGenerated++;
      yield {
        type: "delta",
        index,
        text: String.fromCharCode(tokenId),
        tokenIds: [tokenId],
        logprobs: sampling.logprobs === null ? null : [logprobsOf(tokenId, sampling.logprobs)],
      };
    }
    const reason = numTokens < bytes.length ? "length" : "stop";
    yield { type: "finished", index, reason, stopReason: null, numCompletionTokens: numTokens };
  }

  tokenize(prompt: Prompt, signal: AbortSignal): Promise<readonly number[] | null> {
    return Promise.resolve(signal.aborted ? null : tokenIdsOf(prompt));
  }

  vocabularyEntry(tokenId: number): string {
    return `#${tokenId}`;
  }

  detokenize(tokenIds: readonly number[]): string {
    return String.fromCharCode(...tokenIds);
  }

  tokenPiece(tokenId: number): { readonly text: string; readonly bytes: Uint8Array } {
    return { text: String.fromCharCode(tokenId), bytes: Uint8Array.of(tokenId) };
  }

  stats(): EngineStats {
    return {
      numRunning: 1,
      numWaiting: 2,
      kvCacheUsage: 0.25,
      numWastedTokens: 5,
      numPreemptions: 3,
      numPrefixQueryTokens: 100,
      numPrefixHitTokens: 60,
      numPromptTokens: 40,
      numCachedPromptTokens: 24,
      numGenerationTokens: this.numTokensGenerated,
      numSteps: 7,
    };
  }

  observe(): EngineObservation {
    const zeros = Object.fromEntries(bindingLimits.map((limit) => [limit, 0]));
    return {
      stats: this.stats(),
      blocks: this.memory().blocks,
      steps: {
        numSteps: 7,
        totalMs: 70,
        scheduleMs: 7,
        kernelMs: 56,
        barrierMs: 5,
        numTokens: 14,
        predictedMs: 77,
        relativeError: 0.7,
      },
      limitMs: { ...(zeros as Record<BindingLimit, number>), seats: 60, compute: 10 },
      tokenMs: 2,
    };
  }

  sequences(): readonly SequenceFacts[] {
    return this.requests.map(({ requestId, prompt, sampling }) => ({
      requestId,
      index: 0,
      state: "running",
      ageMs: 5,
      numPromptTokens: tokenIdsOf(prompt).length,
      numComputedTokens: 1,
      numOutputTokens: 1,
      maxTokens: sampling.maxTokens ?? this.model.maxModelLen,
      numCachedTokens: 1,
      numBlocks: 1,
      numPreemptions: 0,
      blockMs: 2000,
      numForecastBlocks: 2,
    }));
  }

  prefixCacheCurve(): PrefixCacheCurve {
    const points = Array.from({ length: 32 }, (_, i) => ({
      numBlocks: i + 1,
      hitRate: Math.min(0.8, (i + 1) / 10),
    }));
    return { points, numQueryTokens: 100, sampledShare: 1 };
  }

  settings(): LiveSettingsState {
    return { requested: this.live, effective: this.live, isDeferred: false, ceilings };
  }

  changeSettings(change: Partial<LiveSettings>): Promise<LiveSettingsState> {
    this.live = { ...this.live, ...change };
    return Promise.resolve(this.settings());
  }

  sleep(level: SleepLevel): Promise<SleepReport> {
    this.sleepLevel = level;
    return Promise.resolve({ level, releasedBytes: 64, keptBecause: null });
  }

  wake(): Promise<void> {
    this.sleepLevel = null;
    return Promise.resolve();
  }

  resetPrefixCache(): Promise<number> {
    return Promise.resolve(2);
  }

  extraBytesFor({ maxNumSeqs = 4, maxNumBlocks = 8 }: Partial<Record<CeilingName, number>>): number {
    return 100 * (maxNumSeqs - 4) + 8 * (maxNumBlocks - 8);
  }

  memory(): MemoryReport {
    return {
      kernels: "none",
      budget: {
        capBytes: 1000,
        deviceTotalBytes: 4000,
        cap: { kind: "instanceBytes", value: 1000, from: "flag", why: "--memory 1000" },
        pool: { kind: "remainder", value: null, from: "derived", why: "what the cap leaves" },
      },
      kvCache: { dtype: "f16", prefixCaching: true },
      components: [{ name: "kvPool", plannedBytes: 64, actualBytes: 64, evidence: "exact" }],
      runtimeParts: [],
      residentBytes: 900,
      peakResidentBytes: 950,
      blocks: {
        blockSize: 16,
        bytesPerBlock: 8,
        numTotal: 8,
        numFree: 5,
        numCached: 2,
        numReferenced: 1,
        numWithheld: 0,
      },
      rules: { bytes: 0, capacityBytes: 64 },
      numKvTokens: 128,
      maxConcurrency: 2,
    };
  }

  failure(): string | null {
    return this.failureReason;
  }
}

function tokenIdsOf(prompt: Prompt): readonly number[] {
  switch (prompt.kind) {
    case "tokens":
      return prompt.tokenIds;
    case "text":
      return [...new TextEncoder().encode(prompt.text)];
    case "chat":
      return [...new TextEncoder().encode(prompt.messages.map((message) => message.content).join(""))];
  }
}
