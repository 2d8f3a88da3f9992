/**
 * @module What the router itself has sent to one endpoint and not seen the end of: the truth about its load.
 *
 * A request counts from the moment its endpoint is chosen, before anything is awaited, to the end of its stream, on every
 * route and however it ends. Gauges that an endpoint reports are not used: they are late.
 */
import { invariant } from "../../../core/errors.ts";

/** How much a new observation changes a learnt rate. */
const learningShare = 0.2;
/** A rate to begin with, until the first prompt has been computed: a small model on two cores. */
export const firstPrefillTokensPerMs = 1;
const firstStreamMs = 2000;
/** Prompts below this say more about overheads than about the rate. */
const leastTokensToLearn = 256;
/** Observations after which an endpoint's own rate is believed as a whole. */
const enoughObservations = 4;
/** A rate that was not observed for so long is half believed: an endpoint with one bad figure gets another chance. */
const halfLifeMs = 30_000;

/** One request on its way; `end` is called exactly once. */
export interface OpenRequest {
  /** The first byte of the answer has come: its prompt is computed. */
  firstByte(): void;
  end(): void;
}

export class EndpointLoad {
  /** Sequences that the endpoint runs at once; beyond them a request waits for another's end. */
  readonly seats: number;
  readonly #clock: () => number;
  #numOpen = 0;
  #numPrefilling = 0;
  #prefillingTokens = 0;
  /** Since when some prompt is being computed, without a break; null: none is. */
  #busySinceMs: number | null = null;
  #tokensInBusyTime = 0;
  readonly #peersTokensPerMs: () => number;
  #ownTokensPerMs = 0;
  #numObservations = 0;
  #observedMs = 0;
  #streamMs = firstStreamMs;

  /** `peersTokensPerMs`: the best rate of the model's endpoints, which stands for what was not observed here. */
  constructor(seats: number, clock: () => number, peersTokensPerMs: () => number) {
    this.seats = seats;
    this.#clock = clock;
    this.#peersTokensPerMs = peersTokensPerMs;
  }

  get numOpen(): number {
    return this.#numOpen;
  }

  /** The rate that was observed here; null before the first observation. */
  get observedTokensPerMs(): number | null {
    return this.#numObservations === 0 ? null : this.#ownTokensPerMs;
  }

  /** The rate to reckon with: its own as far as it is well and recently known, else that of its peers. */
  get prefillTokensPerMs(): number {
    if (this.#numObservations === 0) return this.#peersTokensPerMs();
    const age = 2 ** (-(this.#clock() - this.#observedMs) / halfLifeMs);
    const trust = Math.min(1, this.#numObservations / enoughObservations) * age;
    return trust * this.#ownTokensPerMs + (1 - trust) * this.#peersTokensPerMs();
  }

  /** Books a request that computes `uncachedTokens` of its prompt. */
  begin(uncachedTokens: number): OpenRequest {
    const chosenMs = this.#clock();
    this.#numOpen += 1;
    this.#numPrefilling += 1;
    this.#prefillingTokens += uncachedTokens;
    this.#busySinceMs ??= chosenMs;
    let firstByteMs: number | null = null;
    let hasEnded = false;
    const firstByte = (): void => {
      if (firstByteMs !== null) return;
      firstByteMs = this.#clock();
      this.#prefilled(uncachedTokens, firstByteMs, !hasEnded);
    };
    return {
      firstByte,
      end: () => {
        invariant(!hasEnded, () => "a request ended twice");
        hasEnded = true;
        const endedMs = this.#clock();
        if (firstByteMs === null) firstByte();
        else this.#streamMs += learningShare * (endedMs - firstByteMs - this.#streamMs);
        this.#numOpen -= 1;
      },
    };
  }

  /** Milliseconds until a request sent now would begin to be computed: the prompts before it, and a seat if all are taken. */
  waitMs(): number {
    const promptsMs = this.#prefillingTokens / this.prefillTokensPerMs;
    const numAhead = this.#numOpen - this.seats + 1;
    const seatMs = numAhead <= 0 ? 0 : (numAhead / this.seats) * this.#streamMs;
    return promptsMs + seatMs;
  }

  /** Learns the rate over a whole busy time: prompts that are computed together share it. */
  #prefilled(tokens: number, nowMs: number, isMeasured: boolean): void {
    this.#numPrefilling -= 1;
    this.#prefillingTokens -= tokens;
    if (isMeasured) this.#tokensInBusyTime += tokens;
    if (this.#numPrefilling > 0) return;
    const busyMs = nowMs - (this.#busySinceMs ?? nowMs);
    if (busyMs > 0 && this.#tokensInBusyTime >= leastTokensToLearn)
      this.#observe(this.#tokensInBusyTime / busyMs, nowMs);
    this.#busySinceMs = null;
    this.#tokensInBusyTime = 0;
  }

  #observe(tokensPerMs: number, nowMs: number): void {
    this.#numObservations += 1;
    const share = Math.max(learningShare, 1 / this.#numObservations);
    this.#ownTokensPerMs += share * (tokensPerMs - this.#ownTokensPerMs);
    this.#observedMs = nowMs;
  }
}
