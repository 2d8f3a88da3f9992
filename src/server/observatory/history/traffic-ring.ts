/** @module Arrivals and lengths of the last requests of an engine, in a ring of fixed size. */
import { trafficColumns } from "../../../api/admin/observatory/index.ts";
import type { RequestRecord } from "../../../core/generation.ts";

const mostRequests = 4096;
const numLengths = trafficColumns.length - 1;

export class TrafficRing {
  readonly #unixMs = new Float64Array(mostRequests);
  /** [mostRequests][numLengths] */
  readonly #lengths = new Uint32Array(mostRequests * numLengths);
  readonly #now: () => number;
  #numSeen = 0;

  constructor(unixMs: () => number) {
    this.#now = unixMs;
  }

  static get numBytes(): number {
    return mostRequests * (Float64Array.BYTES_PER_ELEMENT + numLengths * Uint32Array.BYTES_PER_ELEMENT);
  }

  /** One that was refused, or that ended before its first token, has no length. */
  requestFinished(record: RequestRecord): void {
    const { arrivedMs, finishedMs, numPromptTokens, numCachedTokens, longestCompletionTokens } = record;
    if (longestCompletionTokens === 0) return;
    const at = this.#numSeen++ % mostRequests;
    this.#unixMs[at] = this.#now() - (finishedMs - arrivedMs);
    this.#lengths.set([numPromptTokens, numCachedTokens, longestCompletionTokens], at * numLengths);
  }

  /** Rows of `trafficColumns`, in the order in which they ended. */
  rows(): number[][] {
    const count = Math.min(this.#numSeen, mostRequests);
    return Array.from({ length: count }, (_, i) => {
      const at = (this.#numSeen - count + i) % mostRequests;
      const lengths = this.#lengths.subarray(at * numLengths, (at + 1) * numLengths);
      return [Math.round(this.#unixMs[at] as number), ...lengths];
    });
  }
}
