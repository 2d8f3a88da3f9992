/** @module Turns the outcomes of a step into the events and the record of each request. */
import type { EngineObserver, FinishReason, RequestRecord } from "../../core/generation.ts";
import type { Outcome } from "../schedule/commit.ts";
import type { RequestProgress, Sequence } from "../sequence/sequence.ts";
import { type Ending, textOfToken } from "../sequence/stop-conditions.ts";

/** Tokens delivered since the start. */
export interface OutputCounts {
  numPromptTokens: number;
  numCachedPromptTokens: number;
  numGenerationTokens: number;
}

/** Runs while the next step computes, so that making text does not delay the model. */
export class OutputProcessor {
  readonly counts: OutputCounts = { numPromptTokens: 0, numCachedPromptTokens: 0, numGenerationTokens: 0 };
  readonly #observer: EngineObserver | null;
  readonly #clock: () => number;
  readonly #onFinished: (request: RequestProgress) => void;

  constructor(
    observer: EngineObserver | null,
    clock: () => number,
    onFinished: (request: RequestProgress) => void,
  ) {
    this.#observer = observer;
    this.#clock = clock;
    this.#onFinished = onFinished;
  }

  deliver(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) if (!outcome.sequence.request.isOver) this.#deliverOne(outcome);
  }

  /** Ends a request whose replayed tokens end it: there is nothing to compute. */
  deliverEnded(sequence: Sequence, ending: Ending): void {
    this.#sendPromptEvent(sequence.request);
    this.#finish(sequence, ending);
  }

  /** Ends a request that did not finish by itself; its consumer sees `error`, or just the end. */
  abandon(request: RequestProgress, error: Error | null): void {
    if (request.isOver) return;
    request.isOver = true;
    if (error === null) request.events.end();
    else request.events.fail(error);
    this.#observer?.requestFinished(this.#recordOf(request, error === null ? "abort" : "error"));
  }

  #deliverOne(outcome: Outcome): void {
    const { sequence, tokenId, logprobs, ending } = outcome;
    const { events } = sequence.request;
    this.#sendPromptEvent(sequence.request);
    if (tokenId !== null) {
      this.#countToken(sequence);
      const text = outcome.text ?? textOfToken(sequence, tokenId, ending).text;
      events.push({
        type: "delta",
        index: sequence.index,
        text,
        tokenIds: [tokenId],
        logprobs: logprobs === null ? null : [logprobs],
      });
    }
    if (ending !== null) this.#finish(sequence, ending);
  }

  #finish(sequence: Sequence, ending: Ending): void {
    sequence.request.events.push({
      type: "finished",
      index: sequence.index,
      reason: ending.reason,
      stopReason: ending.stopReason,
      numCompletionTokens: sequence.numOutputTokens,
    });
    this.#finishSequence(sequence, ending.reason);
  }

  #sendPromptEvent(request: RequestProgress): void {
    if (request.promptEventSent) return;
    request.promptEventSent = true;
    this.counts.numPromptTokens += request.prepared.promptTokenIds.length;
    this.counts.numCachedPromptTokens += request.numCachedTokens;
    request.events.push({
      type: "prompt",
      promptTokenIds: Array.from(request.prepared.promptTokenIds),
      // The output of a sequence that goes on may be cached as well.
      numCachedTokens: Math.min(request.numCachedTokens, request.prepared.promptTokenIds.length),
      promptLogprobs: request.promptLogprobs?.toEntries() ?? null,
      ...(request.pooledState === null ? {} : { pooled: request.pooledState.toVector() }),
    });
    for (const event of request.replayedEvents) request.events.push(event);
    request.replayedEvents = [];
  }

  #countToken(sequence: Sequence): void {
    const nowMs = this.#clock();
    const { request } = sequence;
    request.firstTokenMs ??= nowMs;
    if (sequence.lastTokenMs !== null) request.interTokenMs.push(nowMs - sequence.lastTokenMs);
    sequence.lastTokenMs = nowMs;
    this.counts.numGenerationTokens++;
  }

  #finishSequence(sequence: Sequence, reason: FinishReason): void {
    const { request } = sequence;
    request.numFinished++;
    if (request.numFinished < request.prepared.sampling.n) return;
    request.isOver = true;
    request.events.end();
    this.#observer?.requestFinished(this.#recordOf(request, reason));
    this.#onFinished(request);
  }

  #recordOf(request: RequestProgress, outcome: RequestRecord["outcome"]): RequestRecord {
    return {
      requestId: request.prepared.requestId,
      outcome,
      arrivedMs: request.prepared.arrivedMs,
      scheduledMs: request.scheduledMs,
      firstTokenMs: request.firstTokenMs,
      finishedMs: this.#clock(),
      interTokenMs: request.interTokenMs,
      numPromptTokens: request.prepared.promptTokenIds.length,
      numCachedTokens: request.numCachedTokens,
      numCompletionTokens: request.numCompletionTokens,
      longestCompletionTokens: Math.max(...request.sequences.map((sequence) => sequence.numOutputTokens)),
      numPreemptions: request.sequences.reduce((sum, sequence) => sum + sequence.numPreemptions, 0),
      n: request.prepared.sampling.n,
      maxTokens: request.prepared.sampling.maxTokens,
    };
  }
}
