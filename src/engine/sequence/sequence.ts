/** @module One running generation and the request it belongs to. */
import type { GenerationEvent } from "../../core/generation.ts";
import type { SamplingParams } from "../../core/sampling-params.ts";
import { SequenceConstraint } from "../constraint/sequence-constraint.ts";
import { TokenFilter } from "../constraint/token-filter.ts";
import { BlockTable } from "../kv/block-table.ts";
import type { PreparedRequest } from "../request/prepared-request.ts";
import { PooledState } from "./pooled-state.ts";
import { PromptLogprobs } from "./prompt-logprobs.ts";
import { SeenTokens } from "./seen-tokens.ts";
import type { SequenceText } from "./sequence-text.ts";

/** Where the events of one request go. */
export interface RequestEvents {
  push(event: GenerationEvent): void;
  /** Nothing follows. */
  end(): void;
  /** Nothing follows but `error`, which the reader of the events gets. */
  fail(error: Error): void;
}

/** The state of a request while it is served: its sequences, its events and its timings. */
export class RequestProgress {
  readonly prepared: PreparedRequest;
  readonly events: RequestEvents;
  readonly makeText: () => SequenceText;
  /** All n once forked; before that, the first alone. */
  readonly sequences: Sequence[];
  readonly firstSequence: Sequence;
  /** null if the request does not want them; those of prompt tokens [1, numPromptLogprobs] are known. */
  readonly promptLogprobs: PromptLogprobs | null;
  numPromptLogprobs = 0;
  /** null if the request does not want hidden states. */
  readonly pooledState: PooledState | null;
  numCachedTokens = 0;
  /** Of tokens that another instance has generated; they follow the prompt's event. */
  replayedEvents: readonly GenerationEvent[] = [];
  numFinished = 0;
  isOver = false;
  promptEventSent = false;
  scheduledMs: number | null = null;
  firstTokenMs: number | null = null;
  readonly interTokenMs: number[] = [];

  constructor(prepared: PreparedRequest, events: RequestEvents, makeText: () => SequenceText) {
    this.prepared = prepared;
    this.events = events;
    this.makeText = makeText;
    const { promptLogprobs: numTop } = prepared.sampling;
    this.promptLogprobs = numTop === null ? null : new PromptLogprobs(prepared.promptTokenIds.length, numTop);
    const { pooling, promptTokenIds } = prepared;
    this.pooledState = pooling === null ? null : new PooledState(pooling, promptTokenIds.length);
    this.firstSequence = new Sequence(this, 0);
    this.sequences = [this.firstSequence];
  }

  get numCompletionTokens(): number {
    let numTokens = 0;
    for (const sequence of this.sequences) numTokens += sequence.numOutputTokens;
    return numTokens;
  }
}

export type SequenceState = "waiting" | "running" | "finished";

/**
 * Token positions, all half-open:
 *   [0, numComputed)          keys and values are in the blocks of `table`
 *   [numComputed, numTokens)  known, to be computed: a prompt, one sampled token, or a history after preemption
 */
export class Sequence {
  readonly request: RequestProgress;
  readonly index: number;
  readonly table = new BlockTable();
  readonly text: SequenceText;
  readonly seen: SeenTokens | null;
  /** null: the text may be anything. */
  readonly constraint: SequenceConstraint | null;
  /** null: every token may be generated. */
  readonly filter: TokenFilter | null;
  /** [0, numTokens) prompt and output; grows by doubling. */
  tokenIds: Int32Array;
  numTokens: number;
  numComputed = 0;
  state: SequenceState = "waiting";
  /** Position in the waiting queue's heap while waiting; owned by the queue. */
  queueIndex = -1;
  /** The last step it was planned for; owned by the scheduler. */
  plannedStep = -1;
  numPreemptions = 0;
  /** Blocks × milliseconds for which it held them, summed over steps. */
  blockMs = 0;
  lastTokenMs: number | null = null;
  /** Tokens with which it began, for `PrefixSharing`; 0 while it has no seat. */
  numFollowedTokens = 0;

  constructor(request: RequestProgress, index: number) {
    const { promptTokenIds, sampling } = request.prepared;
    this.request = request;
    this.index = index;
    this.text = request.makeText();
    const { constraint = null, tokenFilter = null } = request.prepared;
    this.filter = tokenFilter === null ? null : new TokenFilter(tokenFilter);
    this.constraint = constraint === null ? null : new SequenceConstraint(constraint);
    this.tokenIds = promptTokenIds;
    this.numTokens = promptTokenIds.length;
    this.seen = countsSeenTokens(sampling) ? seenInPrompt(promptTokenIds, sampling) : null;
  }

  get numPromptTokens(): number {
    return this.request.prepared.promptTokenIds.length;
  }

  get numOutputTokens(): number {
    return this.numTokens - this.numPromptTokens;
  }

  /** A view, valid until the next token. */
  get outputTokenIds(): Int32Array {
    return this.tokenIds.subarray(this.numPromptTokens, this.numTokens);
  }

  /** The prompt's last token is computed by each of n sequences for itself, so that each samples its own token. */
  get awaitsFork(): boolean {
    return this.request.sequences.length < this.request.prepared.sampling.n;
  }

  /** Seats that it takes: n for the first sequence of a request until the fork, else one. */
  get numSeats(): number {
    return this.awaitsFork ? this.request.prepared.sampling.n : 1;
  }

  /** Position up to which it may be computed now. */
  get computeTarget(): number {
    return this.awaitsFork ? this.numTokens - 1 : this.numTokens;
  }

  get numUncomputed(): number {
    return this.computeTarget - this.numComputed;
  }

  /**
   * Tokens that may be taken from the prefix cache. The last one is always computed, for its logits. If the request
   * wants prompt log-probabilities or hidden states, so is every position whose result has not been seen yet.
   */
  get maxCachedTokens(): number {
    const { promptLogprobs, numPromptLogprobs } = this.request;
    const isScored = promptLogprobs === null || numPromptLogprobs >= this.numPromptTokens - 1;
    const mostScored = isScored ? this.numTokens - 1 : numPromptLogprobs;
    const mostPooled = this.request.pooledState?.nextPosition ?? mostScored;
    return Math.min(mostScored, mostPooled);
  }

  /** Entries that its next output row has for the penalties: tokens seen. */
  get numSeenEntries(): number {
    return this.seen?.numDistinct ?? 0;
  }

  /** Entries that its next output row has for biases and for bans. */
  get numBiasEntries(): number {
    const { sampling, bannedBeforeMin } = this.request.prepared;
    return sampling.logitBias.size + (this.isBelowMin ? bannedBeforeMin.length : 0);
  }

  /** Whether it has generated fewer tokens than it must, so that no token may end it. */
  get isBelowMin(): boolean {
    return this.numOutputTokens < this.request.prepared.sampling.minTokens;
  }

  append(tokenId: number): void {
    // The n sequences of a request share the prompt's array, which is exactly full: the first token copies it.
    if (this.numTokens === this.tokenIds.length) {
      const grown = new Int32Array(Math.max(16, Math.ceil(1.5 * this.numTokens)));
      grown.set(this.tokenIds.subarray(0, this.numTokens));
      this.tokenIds = grown;
    }
    this.tokenIds[this.numTokens++] = tokenId;
    this.seen?.addOutputToken(tokenId);
  }
}

function countsSeenTokens(sampling: SamplingParams): boolean {
  return (
    sampling.repetitionPenalty !== 1 || sampling.frequencyPenalty !== 0 || sampling.presencePenalty !== 0
  );
}

/** Only the repetition penalty counts tokens of the prompt. */
function seenInPrompt(promptTokenIds: Int32Array, sampling: SamplingParams): SeenTokens {
  const seen = new SeenTokens();
  if (sampling.repetitionPenalty !== 1) for (const tokenId of promptTokenIds) seen.addPromptToken(tokenId);
  return seen;
}
