/** @module How long a step will take, learnt from the steps before it. */

/** What a step consists of, as far as its time is concerned. */
export interface StepLoad {
  readonly numTokens: number;
  readonly numOutputs: number;
  /** Positions attended to, summed over tokens. */
  readonly numAttended: number;
}

// One unit of each feature is of the order of a millisecond on a small machine, which keeps the filter well scaled.
const attendedPerUnit = 2048;
const numFeatures = 4;
/** Before anything is measured: 1 ms a step, and 1 ms per token, output row and 2,048 attended positions. */
const priorMs = [1, 1, 1, 0.5] as const;
const priorDeviationMs = 2;
/** A coefficient may drift by this share of itself per step: the machine's other tenants come and go. */
const driftPerStep = 0.02;
/** A measured time is off by this share of itself, and by this much at least. */
const noiseShare = 0.1;
const noiseFloorMs = 0.2;

/**
 * time = c0 + c1·tokens + c2·outputs + c3·attended, its four coefficients tracked by a Kalman filter (random-walk
 * state, one scalar observation a step) and kept at zero or above. Four numbers are few enough to follow a change of
 * load within a handful of steps, and the linear form lets the largest chunk be solved for instead of searched.
 */
export class StepTimeModel {
  readonly #coefficients = Float64Array.from(priorMs);
  /** [4, 4] row-major covariance */
  readonly #covariance = new Float64Array(numFeatures * numFeatures);
  readonly #features = new Float64Array(numFeatures);
  readonly #gain = new Float64Array(numFeatures);

  constructor() {
    for (let i = 0; i < numFeatures; i++) this.#covariance[i * numFeatures + i] = priorDeviationMs ** 2;
  }

  predictMs(load: StepLoad): number {
    this.#setFeatures(load);
    let total = 0;
    for (let i = 0; i < numFeatures; i++) total += this.#coefficient(i) * (this.#features[i] as number);
    return total;
  }

  /** Learns from a finished step. */
  observe(load: StepLoad, measuredMs: number): void {
    this.#drift();
    const error = measuredMs - this.predictMs(load);
    const variance = this.#projectCovariance() + (noiseFloorMs + noiseShare * measuredMs) ** 2;
    for (let i = 0; i < numFeatures; i++) {
      const step = ((this.#gain[i] as number) / variance) * error;
      this.#coefficients[i] = Math.max(0, this.#coefficient(i) + step);
    }
    for (let i = 0; i < numFeatures; i++) {
      for (let j = 0; j < numFeatures; j++) {
        const at = i * numFeatures + j;
        const reduction = ((this.#gain[i] as number) * (this.#gain[j] as number)) / variance;
        this.#covariance[at] = (this.#covariance[at] as number) - reduction;
      }
    }
  }

  /**
   * Most tokens of one sequence, from position `start`, that keep the step within `limitMs` when added to `load`.
   * With a token costing a, and a pair of positions b, n tokens cost (a + b·start)·n + b·n²/2: solved for n.
   *
   * @param outputsPerToken 1 where each token's logits are wanted too
   */
  maxTokensWithin(limitMs: number, load: StepLoad, start: number, outputsPerToken: number): number {
    const leftMs = limitMs - this.predictMs(load);
    if (leftMs <= 0) return 0;
    const pairMs = this.#coefficient(3) / attendedPerUnit;
    const linearMs = this.#coefficient(1) + this.#coefficient(2) * outputsPerToken + pairMs * (start + 0.5);
    if (linearMs === 0 && pairMs === 0) return Number.MAX_SAFE_INTEGER;
    // The stable form of the positive root: also right where pairMs is 0.
    return Math.floor((2 * leftMs) / (linearMs + Math.sqrt(linearMs ** 2 + 2 * pairMs * leftMs)));
  }

  #coefficient(index: number): number {
    return this.#coefficients[index] as number;
  }

  #setFeatures(load: StepLoad): void {
    this.#features[0] = 1;
    this.#features[1] = load.numTokens;
    this.#features[2] = load.numOutputs;
    this.#features[3] = load.numAttended / attendedPerUnit;
  }

  #drift(): void {
    for (let i = 0; i < numFeatures; i++) {
      const at = i * numFeatures + i;
      const grown = (this.#covariance[at] as number) + (driftPerStep * this.#coefficient(i)) ** 2 + 1e-9;
      this.#covariance[at] = Math.min(grown, priorDeviationMs ** 2);
    }
  }

  /** gain = covariance · features; returns features · gain. */
  #projectCovariance(): number {
    let total = 0;
    for (let i = 0; i < numFeatures; i++) {
      let sum = 0;
      for (let j = 0; j < numFeatures; j++) {
        sum += (this.#covariance[i * numFeatures + j] as number) * (this.#features[j] as number);
      }
      this.#gain[i] = sum;
      total += sum * (this.#features[i] as number);
    }
    return total;
  }
}
