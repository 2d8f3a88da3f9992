/** @module Predicts how long a step will take, learning from the steps before it. */

/** The quantities of a step that determine its time. */
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
/** A coefficient may drift by this fraction per step, because other programs on the machine come and go. */
const driftPerStep = 0.02;
/** Bounds and first value of the assumed relative error of a measured time. */
const leastNoiseShare = 0.05;
const firstNoiseShare = 0.1;
const mostNoiseShare = 0.5;
const noiseFloorMs = 0.2;
/** Weight of the newest step in the moving mean of squared errors. */
const newestWeight = 1 / 32;
/**
 * Of a normal error 84 in 100 lie below the mean plus one deviation. With an error of a third, 99 in 100 steps then stay
 * within 4/3 of the limit: 400 ms for the default of 300.
 */
const deviationsAllowedFor = 1;

/**
 * time = c0 + c1·tokens + c2·outputs + c3·attended, its four coefficients tracked by a Kalman filter (random-walk
 * state, one scalar observation a step) and kept at zero or above. Four numbers are few enough to follow a change of
 * load within a handful of steps.
 *
 * Uncertainty counts as time: while there are only decodes, the model learns nothing about the cost of a prompt token,
 * its variance grows, and the first chunk of the next prompt is small.
 */
export class StepTimeModel {
  readonly #coefficients = Float64Array.from(priorMs);
  /** [4, 4] row-major covariance */
  readonly #covariance = new Float64Array(numFeatures * numFeatures);
  readonly #features = new Float64Array(numFeatures);
  readonly #gain = new Float64Array(numFeatures);
  /** Mean square of (measured − predicted) / predicted. */
  #squaredError = firstNoiseShare ** 2;

  constructor() {
    for (let i = 0; i < numFeatures; i++) this.#covariance[i * numFeatures + i] = priorDeviationMs ** 2;
  }

  predictMs(load: StepLoad): number {
    this.#setFeatures(load);
    let total = 0;
    for (let i = 0; i < numFeatures; i++) total += this.#coefficient(i) * (this.#features[i] as number);
    return total;
  }

  /** Learns from a finished step; returns what was predicted for it. */
  observe(load: StepLoad, measuredMs: number): number {
    this.#drift();
    const predictedMs = this.predictMs(load);
    const error = measuredMs - predictedMs;
    const variance = this.#projectCovariance() + (noiseFloorMs + this.#noiseShare() * measuredMs) ** 2;
    const share = Math.min(1, Math.abs(error) / Math.max(predictedMs, 1));
    this.#squaredError += newestWeight * (share ** 2 - this.#squaredError);
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
    return predictedMs;
  }

  /** Mean plus one deviation: an upper bound that most steps keep. */
  #boundMs(load: StepLoad): number {
    const meanMs = this.predictMs(load);
    const deviationMs = Math.sqrt(
      Math.max(0, this.#projectCovariance()) + (this.#noiseShare() * meanMs) ** 2,
    );
    return meanMs + deviationsAllowedFor * deviationMs;
  }

  /**
   * Most tokens of one sequence, from position `start` and at most `mostTokens`, with which the step hardly takes longer
   * than `limitMs` when they are added to `load`. Found by halving: the bound grows with each token.
   *
   * @param outputsPerToken 1 where each token's logits are wanted too
   */
  maxTokensWithin(
    limitMs: number,
    load: StepLoad,
    chunk: { readonly start: number; readonly mostTokens: number; readonly outputsPerToken: number },
  ): number {
    const fits = (numTokens: number): boolean =>
      this.#boundMs({
        numTokens: load.numTokens + numTokens,
        numOutputs: load.numOutputs + chunk.outputsPerToken * numTokens,
        numAttended: load.numAttended + numTokens * chunk.start + (numTokens * (numTokens + 1)) / 2,
      }) <= limitMs;
    let [least, most] = [0, chunk.mostTokens];
    while (least < most) {
      const middle = Math.ceil((least + most) / 2);
      if (fits(middle)) least = middle;
      else most = middle - 1;
    }
    return least;
  }

  #noiseShare(): number {
    return Math.min(mostNoiseShare, Math.max(leastNoiseShare, Math.sqrt(this.#squaredError)));
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
