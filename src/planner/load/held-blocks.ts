/** @module How many blocks a user holds at a moment that is picked at random, and the sum over many users. */
import type { RequestLength } from "./request-lengths.ts";

export interface HeldBlocks {
  /** Share of the moments at which a user holds so many blocks, by number of blocks. */
  readonly shares: Float64Array;
  readonly mean: number;
  /** Steps that a request lives, on average. */
  readonly meanSteps: number;
}

/**
 * One user who always has one request. A step computes one token of an answer or up to `stepTokens` of a prompt; a request
 * is met the more often the longer it lives, and holds whole blocks of what is computed.
 */
export function heldBlocks(
  lengths: readonly RequestLength[],
  blockTokens: number,
  stepTokens: number,
): HeldBlocks {
  const most = lengths.reduce(
    (max, { promptTokens, outputTokens }) => Math.max(max, promptTokens + outputTokens),
    1,
  );
  const shares = new Float64Array(Math.ceil(most / blockTokens) + 1);
  let [steps, requests] = [0, 0];
  const add = (tokens: number, weight: number): void => {
    const at = Math.ceil(tokens / blockTokens);
    shares[at] = (shares[at] ?? 0) + weight;
    steps += weight;
  };
  for (const { promptTokens, outputTokens, weight } of lengths) {
    requests += weight;
    for (let done = 0; done < promptTokens; done += stepTokens)
      add(Math.min(promptTokens, done + stepTokens), weight);
    // The first token comes with the prompt's last step, and the last token is never computed.
    for (let tokens = promptTokens + 1; tokens < promptTokens + outputTokens; ) {
      const end = Math.min(promptTokens + outputTokens - 1, Math.ceil(tokens / blockTokens) * blockTokens);
      add(end, weight * (end - tokens + 1));
      tokens = end + 1;
    }
  }
  let mean = 0;
  for (let at = 0; at < shares.length; at++) {
    shares[at] = (shares[at] ?? 0) / steps;
    mean += at * (shares[at] ?? 0);
  }
  return { shares, mean, meanSteps: steps / requests };
}

/** Bins over four pools: finer than a thousandth of what decides. */
const numBins = 2 ** 14;
const poolsCovered = 4;

/** Iterative radix-2 transform in place; `sign` −1 forward, 1 back (not scaled). */
function transform(re: Float64Array, im: Float64Array, sign: number): void {
  const size = re.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [re[i], re[j]] = [re[j] ?? 0, re[i] ?? 0];
    [im[i], im[j]] = [im[j] ?? 0, im[i] ?? 0];
  }
  for (let length = 2; length <= size; length <<= 1) {
    const angle = (sign * 2 * Math.PI) / length;
    const half = length >> 1;
    for (let k = 0; k < half; k++) {
      const [cos, sin] = [Math.cos(angle * k), Math.sin(angle * k)];
      for (let start = k; start < size; start += length) {
        const [ar, ai] = [re[start] ?? 0, im[start] ?? 0];
        const [br, bi] = [re[start + half] ?? 0, im[start + half] ?? 0];
        const [tr, ti] = [br * cos - bi * sin, br * sin + bi * cos];
        re[start] = ar + tr;
        im[start] = ai + ti;
        re[start + half] = ar - tr;
        im[start + half] = ai - ti;
      }
    }
  }
}

/** The sum of what several users hold, against a pool of `poolBlocks`. */
export class PoolDemand {
  readonly #held: HeldBlocks;
  readonly #poolBlocks: number;
  readonly #blocksPerBin: number;
  readonly #re = new Float64Array(numBins);
  readonly #im = new Float64Array(numBins);

  constructor(held: HeldBlocks, poolBlocks: number) {
    this.#held = held;
    this.#poolBlocks = poolBlocks;
    this.#blocksPerBin = Math.max(1, (poolsCovered * poolBlocks) / numBins);
    for (const [blocks, share] of held.shares.entries()) {
      // A number of blocks between two bins is shared out so that the mean stays.
      const at = Math.min(blocks / this.#blocksPerBin, numBins - 1);
      const low = Math.floor(at);
      this.#re[low] = (this.#re[low] ?? 0) + share * (1 - (at - low));
      if (low + 1 < numBins) this.#re[low + 1] = (this.#re[low + 1] ?? 0) + share * (at - low);
    }
    transform(this.#re, this.#im, -1);
  }

  /** Shares of the moments at which `users` together hold so much, by bin. */
  #sum(users: number): Float64Array {
    const re = new Float64Array(numBins);
    const im = new Float64Array(numBins);
    for (let at = 0; at < numBins; at++) {
      const length = Math.hypot(this.#re[at] ?? 0, this.#im[at] ?? 0) ** users;
      const angle = Math.atan2(this.#im[at] ?? 0, this.#re[at] ?? 0) * users;
      re[at] = length * Math.cos(angle);
      im[at] = length * Math.sin(angle);
    }
    transform(re, im, 1);
    return re.map((value) => value / numBins);
  }

  /** Probability that `users` want more than the pool has. */
  overflow(users: number): number {
    // Far beyond the pool the bins would wrap around; the mean alone decides there.
    if (users * this.#held.mean > 1.5 * this.#poolBlocks) return 1;
    const sum = this.#sum(users);
    const edge = Math.floor(this.#poolBlocks / this.#blocksPerBin + 1e-9);
    let within = 0;
    for (let at = 0; at <= edge; at++) within += sum[at] ?? 0;
    return Math.min(1, Math.max(0, 1 - within));
  }

  /** Probability that exactly the whole pool is held, for each of its blocks. */
  atTheEdge(users: number): number {
    if (users * this.#held.mean > 1.5 * this.#poolBlocks) return 0;
    const edge = Math.floor(this.#poolBlocks / this.#blocksPerBin + 1e-9);
    return Math.max(0, this.#sum(users)[edge] ?? 0) / this.#blocksPerBin;
  }
}
