/** @module The requests of a load: who sends what, and when. The same for the simulator and for the real engine. */
import { percentile } from "../../core/statistics.ts";

export interface TrafficRequest {
  readonly promptTokenIds: Int32Array;
  /** Exactly this many are generated. At least 1. */
  readonly numOutputTokens: number;
  /** Milliseconds after the start of the load; 0: at once. */
  readonly arrivesMs: number;
}

export interface Traffic {
  /** In the order of their arrival. */
  readonly requests: readonly TrafficRequest[];
  /** A request is sent when it has arrived and one of this many users is free; null: every request has a user of its own. */
  readonly numUsers: number | null;
  /** Requests come at times of their own: their latency counts from then, even if no user was free to send them. */
  readonly isTimed: boolean;
  /** One line for people. */
  readonly description: string;
}

/** Longest prompt and output together. */
export function longestSequence({ requests }: Traffic): number {
  return requests.reduce(
    (longest, { promptTokenIds, numOutputTokens }) =>
      Math.max(longest, promptTokenIds.length + numOutputTokens),
    0,
  );
}

/** `64 requests, prompts of 128 tokens (at most 512), outputs of 64 (at most 64)`; medians. */
export function describeLengths(requests: readonly TrafficRequest[]): string {
  const prompts = requests.map(({ promptTokenIds }) => promptTokenIds.length);
  const outputs = requests.map(({ numOutputTokens }) => numOutputTokens);
  const of = (lengths: readonly number[]): string =>
    `${Math.round(percentile(lengths, 0.5))} tokens (at most ${Math.max(...lengths)})`;
  return `${requests.length} requests, prompts of ${of(prompts)}, outputs of ${of(outputs)}`;
}
