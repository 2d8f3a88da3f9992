/** @module The door between HTTP and an engine of this process. A model of another process is an `Endpoint` (endpoint.ts). */

import type { OutputConstraint } from "./answer/output-constraint.ts";
import type { AnswerFormat, MessageToolCall, ToolDefinition } from "./answer/tools.ts";
import type { Feature } from "./capabilities.ts";
import type { MemoryReport } from "./memory-report.ts";
import type { EngineObservation, SequenceFacts } from "./observation/engine-observation.ts";
import type { EngineStats } from "./observation/engine-stats.ts";
import type { PrefixCacheCurve } from "./observation/prefix-cache-curve.ts";
import type { SamplingParams } from "./sampling-params.ts";
import type { CeilingName, LiveSettings, LiveSettingsState } from "./settings/live-settings.ts";

export interface TextPart {
  readonly type: "text";
  readonly text: string;
}

/** One message of a conversation, as the chat template sees it. */
export interface ChatMessage {
  readonly role: string;
  /** A list if the request had a list: templates differ in how they join parts. */
  readonly content: string | readonly TextPart[] | null;
  /** Of an assistant's message. */
  readonly tool_calls?: readonly MessageToolCall[];
  readonly [field: string]: unknown;
}

export type Prompt =
  | { readonly kind: "text"; readonly text: string; readonly addSpecialTokens: boolean }
  | { readonly kind: "tokens"; readonly tokenIds: readonly number[] }
  | {
      readonly kind: "chat";
      readonly messages: readonly ChatMessage[];
      readonly addGenerationPrompt: boolean;
      readonly continueFinalMessage: boolean;
      readonly tools: readonly ToolDefinition[] | null;
      /** Extra variables of the template (`chat_template_kwargs`). */
      readonly templateVariables: Readonly<Record<string, unknown>>;
      /** In place of the model's template; only where the server takes templates from requests. */
      readonly chatTemplate?: string | null;
    };

/** Which tokens of a prompt that is too long are kept. */
export interface PromptTruncation {
  /** null: as many as there is room for. */
  readonly mostTokens: number | null;
  /** The end whose tokens are dropped. */
  readonly side: "left" | "right";
}

/** How the hidden states of a prompt's tokens become one vector: their mean, or that of the last token. */
export type Pooling = "mean" | "last";

export interface GenerationRequest {
  readonly requestId: string;
  readonly prompt: Prompt;
  /** Absent or null: a prompt that is too long is refused. */
  readonly truncation?: PromptTruncation | null;
  readonly sampling: SamplingParams;
  /** What the text must match; absent or null: nothing. */
  readonly constraint?: OutputConstraint | null;
  /** The prompt event brings the pooled hidden states; absent: it does not. */
  readonly pooling?: Pooling;
  /** The caller's name of `sampling.maxTokens`, for errors; default `max_tokens`. */
  readonly maxTokensName?: string;
  /** Lower numbers run first; default 0 (vLLM's `priority`). */
  readonly priority: number;
  /** Prefixes are shared only with requests of the same salt; absent or null: with those that have none (vLLM's `cache_salt`). */
  readonly cacheSalt?: string | null;
  /** What another instance has generated of the answer already; absent or null: nothing. */
  readonly continuation?: Continuation | null;
}

/** An answer that goes on where another instance of the same model has left it. For n = 1 and without log-probabilities. */
export interface Continuation {
  /** Of a request that states none. */
  readonly seed: number;
  readonly tokenIds: readonly number[];
}

/** A token with its text piece and log-probability (nats). */
export interface TokenLogprob {
  readonly tokenId: number;
  readonly logprob: number;
  /** 1 is the likeliest. */
  readonly rank: number;
}

export interface PositionLogprobs extends TokenLogprob {
  /** Likeliest first. */
  readonly top: readonly TokenLogprob[];
}

export type FinishReason = "stop" | "length";

export type GenerationEvent =
  /** Once, when the prompt has been computed and before the first delta. */
  | {
      readonly type: "prompt";
      readonly promptTokenIds: readonly number[];
      readonly numCachedTokens: number;
      /** One entry per prompt token if the request wants them; the first is null, because nothing precedes it. */
      readonly promptLogprobs: readonly (PositionLogprobs | null)[] | null;
      /** Hidden states after the final norm, pooled [hiddenWidth], if the request wants them. */
      readonly pooled?: Float32Array;
    }
  /** New text of sequence `index`; `text` may be empty while a character or a stop string is undecided. */
  | {
      readonly type: "delta";
      readonly index: number;
      readonly text: string;
      readonly tokenIds: readonly number[];
      readonly logprobs: readonly PositionLogprobs[] | null;
      /** Of the request's `continuation`: not generated here. */
      readonly isReplayed?: true;
    }
  | {
      readonly type: "finished";
      readonly index: number;
      readonly reason: FinishReason;
      /** The stop string or stop token id that ended it. */
      readonly stopReason: string | number | null;
      readonly numCompletionTokens: number;
    };

/** Facts about the tokenizer, for clients that use it over HTTP. */
export interface TokenizerFacts {
  /** By the names of transformers: `bos_token`, `eos_token`, … */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** The source; null where the model has none. */
  readonly chatTemplate: string | null;
}

/** What a model's files say of it, for lists of models. */
export interface ModelFacts {
  readonly architecture: string;
  readonly fileFormat: "gguf" | "safetensors";
  /** Encoding of most of its numbers, by the name that files use: `Q4_0`, `BF16`. */
  readonly encoding: string;
  readonly numParameters: number;
  /** Of its tensors on disk. */
  readonly tensorBytes: number;
  readonly hiddenWidth: number;
  readonly numLayers: number;
  /** The longest sequence in tokens that it was made for. */
  readonly trainedLength: number;
}

/** Facts about the served model that requests and clients need. */
export interface ServedModel {
  readonly modelId: string;
  /** The model's own name, which may differ from the one it is served under. */
  readonly root: string;
  readonly maxModelLen: number;
  readonly maxLogprobs: number;
  /** Sampling of a request that states none of temperature, top_p, top_k and min_p. */
  readonly defaultSampling: SamplingParams;
  /** Sampling of a request that states one of these four: without the recommendation for the family. */
  readonly statedSampling: SamplingParams;
  /** Where `defaultSampling` comes from, for people. */
  readonly samplingOrigin: string;
  /** Most tokens that any request may generate; null: limited by the context alone. */
  readonly maxTokensCeiling: number | null;
  readonly createdUnixSeconds: number;
  readonly hasChatTemplate: boolean;
  /** How its answers mark calls and reasoning. */
  readonly answerFormat: AnswerFormat;
  /** What request bodies may ask for. */
  readonly features: ReadonlySet<Feature>;
  readonly tokenizer: TokenizerFacts;
  /** null: it does not come from files. */
  readonly facts: ModelFacts | null;
}

/** Called by the engine as requests proceed; times are milliseconds of a monotonic clock. */
export interface EngineObserver {
  requestFinished(record: RequestRecord): void;
  stepFinished(record: {
    readonly numTokens: number;
    readonly totalMs: number;
    readonly outsideKernelsMs: number;
  }): void;
  /** For those who learn how long steps take. */
  stepMeasured?(step: StepQuantities, totalMs: number): void;
}

/** The quantities of a step that its time depends on. */
export interface StepQuantities {
  readonly numTokens: number;
  readonly numSequences: number;
  /** Rows of logits. */
  readonly numOutputs: number;
  /** Positions that tokens of decodes attend to and whose keys are read for them, summed. */
  readonly numAttendedByDecodes: number;
  /** Positions that tokens of decodes attend to and whose keys were read for a neighbor already, summed. */
  readonly numSharedByDecodes: number;
  /** Positions that tokens of prompts attend to, summed. */
  readonly numAttendedByPrompts: number;
}

export interface RequestRecord {
  readonly requestId: string;
  readonly outcome: FinishReason | "abort" | "error";
  readonly arrivedMs: number;
  readonly scheduledMs: number | null;
  readonly firstTokenMs: number | null;
  readonly finishedMs: number;
  readonly interTokenMs: readonly number[];
  readonly numPromptTokens: number;
  readonly numCachedTokens: number;
  /** Summed over its sequences. */
  readonly numCompletionTokens: number;
  /** Of its longest sequence. */
  readonly longestCompletionTokens: number;
  readonly numPreemptions: number;
  readonly n: number;
  /** As the request stated it; null if it stated nothing. */
  readonly maxTokens: number | null;
}

/** 1: the KV pool and the activations are given back to the operating system; 2: the weights too. */
export type SleepLevel = 1 | 2;

export interface SleepReport {
  readonly level: SleepLevel;
  readonly releasedBytes: number;
  /** Why nothing, or not everything, could be given back; null if all was. */
  readonly keptBecause: string | null;
}

/**
 * Aborting `signal`, or leaving the iteration, ends the request and frees the blocks of its sequences before the next step.
 * A request that cannot be served throws PagodaError before the first event; every request has exactly one ending.
 */
export interface GenerationService {
  readonly model: ServedModel;
  generate(request: GenerationRequest, signal: AbortSignal): AsyncIterable<GenerationEvent>;
  /** Resolves with null once `signal` is aborted: a long text takes a while. */
  tokenize(prompt: Prompt, signal: AbortSignal): Promise<readonly number[] | null>;
  detokenize(tokenIds: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): string;
  /** A token as the model's vocabulary writes it. */
  vocabularyEntry(tokenId: number): string;
  /** Text of one token on its own, for log-probabilities; `bytes` are its exact bytes. */
  tokenPiece(tokenId: number): { readonly text: string; readonly bytes: Uint8Array };
  stats(): EngineStats;
  /** Counters for those who watch it: cheap enough to be read several times a second. */
  observe(): EngineObservation;
  /** All sequences that run, and at most `mostWaiting` of those that wait. */
  sequences(mostWaiting: number): readonly SequenceFacts[];
  /** What the prefix cache would have found with other pool sizes, since the start with less weight on what is long ago. */
  prefixCacheCurve(): PrefixCacheCurve;
  settings(): LiveSettingsState;
  /**
   * Resolves once the change holds, between two steps. The caller has checked it: no number above its ceiling, and
   * maxNumBatchedTokens not below maxNumSeqs.
   */
  changeSettings(change: Partial<LiveSettings>): Promise<LiveSettingsState>;
  /** Forgets what no running sequence uses; resolves with the number of blocks. */
  resetPrefixCache(): Promise<number>;
  /** Bytes that an instance allocated with these limits would hold more than this one; null where nobody knows. */
  extraBytesFor(ceilings: Partial<Record<CeilingName, number>>): number | null;
  /** null while awake. */
  readonly sleepLevel: SleepLevel | null;
  /** Refuses requests from now on, ends running ones or waits for them, and gives memory back. Cached prefixes are lost. */
  sleep(level: SleepLevel, options: { readonly waits: boolean }): Promise<SleepReport>;
  /** Resolves when requests are taken again. */
  wake(): Promise<void>;
  memory(): MemoryReport;
  /** null while healthy; otherwise the reason why it cannot serve any more. */
  failure(): string | null;
}
