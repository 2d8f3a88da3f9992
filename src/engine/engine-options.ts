/** @module What an engine is made of. */
import type { BackendLimits, LoadedModel } from "../backend/backend.ts";
import type { EngineObserver, ServedModel } from "../core/generation.ts";
import type { MemoryReport } from "../core/memory-report.ts";
import type { ChatRenderer, TextTokenizer } from "./request/text-tokenizer.ts";

/** The part of `memory()` that the loader of the model knows: planned and allocated bytes. */
export type MemoryFacts = Omit<MemoryReport, "blocks" | "rules" | "numKvTokens" | "maxConcurrency">;

export interface EngineOptions {
  /** Owned by the caller, who closes it after `close()`. */
  readonly model: LoadedModel;
  readonly limits: BackendLimits;
  readonly vocabularyWidth: number;
  readonly bytesPerBlock: number;
  readonly tokenizer: TextTokenizer;
  readonly chatTemplate: ChatRenderer | null;
  /** Tokens with which the model ends its text, all of the vocabulary. */
  readonly eosTokenIds: readonly number[];
  readonly served: ServedModel;
  /** The longest sequences that the model was made for. */
  readonly modelMaxLen: number;
  readonly prefixCaching: boolean;
  /** While other sequences decode, prompts are cut so that a step stays within this. */
  readonly maxStepMs: number;
  readonly memory: () => MemoryFacts;
  /** Bytes of an instance with these limits, less those of this one. */
  readonly extraBytes?: (limits: Partial<BackendLimits>) => number;
  readonly observer?: EngineObserver;
  /** Expected tokens of an output before any has ended; later the mean of recent ones. */
  readonly expectedOutputTokens?: number;
  /** Heap that rules for texts, and what is made of them, may hold. */
  readonly constraintCapacityBytes?: number;
  /** Heap that unread events may hold; above it, the request with the most is ended. */
  readonly unreadCapacityBytes?: number;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
  /** Draws the seed of a request that states none. */
  readonly drawSeed?: () => number;
}
